"""The table annotation (learn.microsoft.com/power-apps/developer/data-platform/reference/entities/annotation): notes on other rows.

The lines are those of inherited.py.  A note on an e-mail is bound by objectid_email; it goes with its e-mail.
"""

ANNOTATION = """
annotationid guid
subject string 500
notetext string 100000
objectid lookup account|contact|email|incident|lead
objecttypecode string 64
isdocument boolean
documentbody string 1073741823
filename string 255
filesize integer! 0..1000000000
mimetype string 256
langid string 2
stepid string 32
importsequencenumber integer -2147483648..2147483647
overriddencreatedon instant
ownerid lookup systemuser|team
owninguser lookup! systemuser
owningteam lookup! team
owningbusinessunit lookup! businessunit
createdon instant!
createdby lookup! systemuser
modifiedon instant!
modifiedby lookup! systemuser
versionnumber bigint!
"""
