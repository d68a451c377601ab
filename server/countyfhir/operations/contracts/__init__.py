"""$sign, $renew, $terminate, $change-team, $fulfilment and $paper-contracts of family-doctor contracts
(docs/contracts.md)."""
