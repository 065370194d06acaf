"""One partition of one asset from the command line, with one sentence for everything that can be wrong.

`make materialize ASSET=features PARTITION='BTC-USD|1m'`. The same definitions as the UI, in one process, recorded in
the same history. (`dagster asset materialize` does the same and answers bad input with a traceback.)
"""

import sys
from collections.abc import Sequence
from difflib import get_close_matches

import dagster as dg

from pipelines.errors import TidemarkError, UnknownName
from resources.environment import load_settings


def find(name: str) -> tuple[dg.Definitions, dg.AssetKey]:
    """The location and key of an asset by its name (`features`, `scorecard/timing`); raises UnknownName."""
    from schedules import paper, research

    settings = load_settings()
    key = dg.AssetKey(name.split("/"))
    known: list[str] = []
    for location in (research, paper):
        defs = location.build_defs(settings)
        own = {
            spec.key
            for spec in defs.resolve_all_asset_specs()
            if defs.resolve_asset_graph().get(spec.key).is_executable
        }
        if key in own:
            return defs, key
        known += ["/".join(k.path) for k in own]
    raise UnknownName(f"asset {name!r} is not known: {_nearest(name, sorted(known))}")


def check_partition(defs: dg.Definitions, key: dg.AssetKey, partition: str) -> None:
    """Raises UnknownName for a partition that the asset does not have, naming the nearest that it has."""
    partitions = defs.resolve_asset_graph().get(key).partitions_def
    keys = partitions.get_partition_keys() if partitions else []
    if partition not in keys:
        raise UnknownName(
            f"partition {partition!r} of {'/'.join(key.path)} is not known: {_nearest(partition, keys)}"
        )


def _nearest(name: str, known: Sequence[str]) -> str:
    near = get_close_matches(name, known, n=3, cutoff=0.4) or list(known[:3])
    return f"expected one of {len(known)} like {', '.join(near)}; correct it."


def main(arguments: Sequence[str]) -> int:
    """0 when the run succeeded, 1 when a check failed, 2 with one sentence for bad input."""
    from schedules.road import SILENT, quiet

    try:
        if len(arguments) != 2 or not all(arguments):
            raise UnknownName(
                f"expected an asset and a partition like features 'BTC-USD|1m', found {list(arguments)}; give both."
            )
        with quiet(), dg.DagsterInstance.get() as instance:
            defs, key = find(arguments[0])
            check_partition(defs, key, arguments[1])
            result = defs.resolve_implicit_global_asset_job_def().execute_in_process(
                instance=instance, partition_key=arguments[1], asset_selection=[key], run_config=SILENT
            )
    except TidemarkError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except dg.DagsterError as error:
        print(f"error: {arguments[0]} {arguments[1]}: {error}", file=sys.stderr)
        return 1
    for event in result.get_asset_materialization_events():
        for name, value in event.materialization.metadata.items():
            print(f"{name}: {value.value}")
    return 0 if result.success else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
