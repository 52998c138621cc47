"""The cloud as code.  Importing this package points jsii at the Node that came from PyPI, before aws_cdk starts it."""

import os

from infra_cdk.node import packaged_node

os.environ.setdefault("JSII_NODE", str(packaged_node()))
