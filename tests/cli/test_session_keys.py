"""Which keys the launcher has count where IAM is enforced, without the emulator."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from orchestrator_cli.local.emulator_process.launcher.session_keys import function_keys, only_root

SCORE = {
    "FunctionArn": "arn:aws:lambda:us-east-1:000000000000:function:score",
    "FunctionName": "score",
    "Role": "arn:aws:iam::000000000000:role/team/score-role",
}


class Emulator:
    """The emulator's modules, as far as they know keys."""

    def __init__(self, secret: str = "secret") -> None:
        self.sessions: dict[str, dict[str, str]] = {}
        self.modules: dict[str, Any] = {
            "sts": SimpleNamespace(
                register_session=self.sessions.__setitem__,
                is_root_access_key=lambda _: True,
                _role_id=lambda role: f"AROA-{role.rpartition('/')[2]}",
            ),
            "iam_evaluator": SimpleNamespace(is_root_access_key=lambda _: True),
        }
        only_root(self.modules, access_key_id="AKIASESSION", secret_access_key=secret, account="000000000000")
        self.keys_of = function_keys(self.modules["sts"], secret.encode())


def test_the_session_s_key_is_the_root_and_has_a_secret_to_sign_with() -> None:
    session = Emulator().sessions["AKIASESSION"]
    assert session["Arn"] == "arn:aws:iam::000000000000:root"
    assert (session["PrincipalType"], session["SecretAccessKey"]) == ("Root", "secret")


def test_no_key_is_the_root_by_its_name() -> None:
    modules = Emulator().modules
    for key in ("", "test", "000000000000", "AKIASESSION"):
        assert not modules["iam_evaluator"].is_root_access_key(key)
        assert not modules["sts"].is_root_access_key(key)


def test_a_function_has_the_keys_of_its_role_each_time() -> None:
    emulator = Emulator()
    keys = emulator.keys_of(SCORE)
    assert emulator.keys_of(SCORE) == keys
    session = emulator.sessions[keys["AWS_ACCESS_KEY_ID"]]
    assert session["Arn"] == "arn:aws:sts::000000000000:assumed-role/score-role/score"
    assert session["UserId"] == "AROA-score-role:score"
    assert session["SecretAccessKey"] == keys["AWS_SECRET_ACCESS_KEY"]
    assert session["SessionToken"] == keys["AWS_SESSION_TOKEN"]
    assert "secret" not in keys.values()


def test_a_function_s_keys_do_not_follow_from_its_names() -> None:
    one, other = Emulator("one").keys_of(SCORE), Emulator("other").keys_of(SCORE)
    assert not set(one.values()) & set(other.values())
    another = Emulator("one").keys_of({**SCORE, "Role": "arn:aws:iam::000000000000:role/other"})
    assert not set(one.values()) & set(another.values())
