"""Composing a config in Python, as ``attn train`` does on the command line."""

from typing import Any

from suite.errors import UserError


def compose(overrides: list[str]) -> dict[str, Any]:
    """Return the resolved plain config for overrides such as ``["task=graph", "seed=3"]``.

    Raises UserError for an unknown preset or key, and for a value of the wrong type.
    """
    import hydra

    from suite.config import checks, search_path

    search_path.register()
    try:
        checks.check_presets(overrides)
        with hydra.initialize_config_module("conf", version_base="1.3"):
            config = hydra.compose("train", overrides=overrides, return_hydra_config=True)
            choices = dict(config.hydra.runtime.choices)
            from omegaconf import open_dict

            with open_dict(config):
                del config["hydra"]
            return checks.check(config, choices, overrides)
    except checks.HYDRA_ERRORS as error:
        raise UserError(checks.explain(error)) from error
