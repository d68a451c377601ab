"""Critical values 危急值 (DOMAIN 5.6): raised once, acknowledged by somebody of the institution that asked, escalated
until then, never closed by themselves."""
