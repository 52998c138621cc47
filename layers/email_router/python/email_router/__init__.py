"""The CRM E-mail Router: mail in, mail out, and an answer to why."""
