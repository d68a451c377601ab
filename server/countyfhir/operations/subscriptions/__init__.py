"""Operations on Subscriptions: those of the Subscriptions R5 Backport, and what a person on duty needs."""
