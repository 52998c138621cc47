"""The error answers of Dataverse (learn.microsoft.com/power-apps/developer/data-platform/reference/web-service-error-codes)."""

from __future__ import annotations

from collections.abc import Mapping

from tests.simulators.graph.http import Reply


class DataverseFailure(Exception):
    """An error answer: {"error": {"code", "message"}}."""

    def __init__(self, status: int, code: str, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.reply = Reply(status, {"error": {"code": code, "message": message}}, dict(headers or {}))


def not_json() -> DataverseFailure:
    return DataverseFailure(
        400, "0x80048d19", "Error identified in Payload provided by the user: it is not valid JSON."
    )


def unknown_segment(segment: str) -> DataverseFailure:
    return DataverseFailure(404, "0x8006088a", f"Resource not found for the segment '{segment}'.")


def unknown_property(table: str, name: str) -> DataverseFailure:
    """A property in $select, $filter, $orderby or $expand that the table does not have."""
    words = f"Could not find a property named '{name}' on type 'Microsoft.Dynamics.CRM.{table}'."
    return DataverseFailure(400, "0x80060888", words)


def syntax(message: str) -> DataverseFailure:
    return DataverseFailure(400, "0x80060888", message)


def undeclared(table: str, name: str) -> DataverseFailure:
    """A property in a payload that the table does not have."""
    words = f"Invalid property '{name}' was found in entity 'Microsoft.Dynamics.CRM.{table}'."
    return DataverseFailure(
        400, "0x80048d19", f"Error identified in Payload provided by the user for Entity :'{table}'. {words}"
    )


def wrong_type(table: str, name: str, expected: str) -> DataverseFailure:
    words = f"Cannot convert the value of property '{name}' to the expected type '{expected}'."
    return DataverseFailure(
        400, "0x80048d19", f"Error identified in Payload provided by the user for Entity :'{table}'. {words}"
    )


def too_long(table: str, name: str, longest: int | None) -> DataverseFailure:
    words = f"The length of the '{name}' attribute of the '{table}' entity exceeded the maximum allowed length of '{longest}'."
    return DataverseFailure(400, "0x80044331", f"A validation error occurred.  {words}")


def out_of_range(table: str, name: str) -> DataverseFailure:
    words = f"The value of '{name}' on record of type '{table}' is outside the valid range."
    return DataverseFailure(400, "0x80044330", f"A validation error occurred. {words}")


def missing(table: str, name: str) -> DataverseFailure:
    return DataverseFailure(400, "0x80040200", f"Attribute '{name}' of entity '{table}' cannot be NULL.")


def not_there(table: str, key: str) -> DataverseFailure:
    return DataverseFailure(404, "0x80040217", f"Entity '{table}' With Id = {key} Does Not Exist")


def exists_already() -> DataverseFailure:
    return DataverseFailure(412, "0x80040237", "A record with matching key values already exists.")


def version_moved() -> DataverseFailure:
    words = "The version of the existing record doesn't match the RowVersion property provided."
    return DataverseFailure(412, "0x80060882", words)


def bad_status(table: str, key: str, status: object, state: str) -> DataverseFailure:
    words = f"{status} is not a valid status code for state code {table.capitalize()}State.{state} on {table} with Id {key}."
    return DataverseFailure(400, "0x80048408", words)


def invalid(message: str) -> DataverseFailure:
    return DataverseFailure(400, "0x80040203", message)


def no_member() -> DataverseFailure:
    return DataverseFailure(403, "0x80072560", "The user is not a member of the organization.")


def no_privilege(user: str, privilege: str, table: str, code: int) -> DataverseFailure:
    words = (
        f"Principal user (Id={user}, type=8, roleCount=1, privilegeCount=20, accessMode='4 Non-interactive'), is missing "
        f"{privilege} privilege (Id=00000000-0000-0000-0000-{code:012d}) on OTC={code} for entity '{table}'. context.Caller={user}. "
        "Consider adding missed privilege to one of the principal (user/team) roles."
    )
    return DataverseFailure(403, "0x80040220", words)


def batch_refused(message: str) -> DataverseFailure:
    return DataverseFailure(400, "0x80060890", message)
