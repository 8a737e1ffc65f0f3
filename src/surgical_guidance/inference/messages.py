"""The status of the models as a ROS message. Knows the message's fields and nothing else of ROS."""

from __future__ import annotations

import dataclasses
from typing import Any

from surgical_guidance_msgs import msg as messages

from surgical_guidance.inference.status import ModelStatus, Status


def to_message(status: Status, stamp: Any) -> messages.InferenceStatus:
    """Give the status as a message.

    :param stamp: ``builtin_interfaces/Time``.
    """
    fields = {field.name: getattr(status, field.name) for field in dataclasses.fields(status)}
    return messages.InferenceStatus(**fields | {'stamp': stamp, 'models': [_model(each) for each in status.models]})


def _model(status: ModelStatus) -> messages.ModelStatus:
    return messages.ModelStatus(**dataclasses.asdict(status))
