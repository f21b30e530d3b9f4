"""What the exports of background files are of: see tests/bgfiles/test_specification.py."""

from __future__ import annotations

from typing import Any

from django.db import models


class LoginEvent(models.Model):
    user = models.ForeignKey("auth.User", on_delete=models.CASCADE, blank=True, null=True)
    succeeded = models.BooleanField(default=True)
    created_at = models.DateTimeField(auto_now_add=True)

    def save(self, *args: Any, **kwargs: Any) -> None:
        self.succeeded = bool(self.user_id)
        super().save(*args, **kwargs)
