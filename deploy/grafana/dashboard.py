"""The Grafana dashboard as code: ``python deploy/grafana/dashboard.py > deploy/grafana/dashboard.json``.

Needs ``grafana-foundation-sdk`` (requirements/dev.in). Import the JSON in Grafana, or have it provisioned.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from grafana_foundation_sdk.builders.common import GraphThresholdsStyleConfig, VizLegendOptions
from grafana_foundation_sdk.builders.dashboard import (
    Dashboard,
    DatasourceVariable,
    QueryVariable,
    Row,
    ThresholdsConfig,
)
from grafana_foundation_sdk.builders.prometheus import Dataquery
from grafana_foundation_sdk.builders.stat import Panel as Stat
from grafana_foundation_sdk.builders.timeseries import Panel as TimeSeries
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.common import (
    BigValueColorMode,
    BigValueTextMode,
    GraphTresholdsStyleMode,
    LegendDisplayMode,
    LegendPlacement,
)
from grafana_foundation_sdk.models.dashboard import DataSourceRef, Threshold, ThresholdsMode

SOURCE = DataSourceRef(type_val='prometheus', uid='${source}')
HOST = '{instance="$host"}'
Query = tuple[str, str]  # expression, legend


def thresholds(*steps: tuple[float | None, str]) -> ThresholdsConfig:
    """Give colours from the values on at which they begin; None for the first."""
    return ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps([Threshold(value, color) for value, color in steps])


def lines(title: str, unit: str, queries: Sequence[Query], text: str = '', *, limits: bool = False) -> TimeSeries:
    """Give a panel of lines; ``limits`` draws the limits of capture to advice."""
    panel = (
        TimeSeries()
        .title(title)
        .description(text)
        .unit(unit)
        .min(0)
        .datasource(SOURCE)
        .span(12)
        .height(8)
        .line_width(1)
        .fill_opacity(8)
        .legend(
            VizLegendOptions().display_mode(LegendDisplayMode.LIST).placement(LegendPlacement.BOTTOM).show_legend(True)
        )
    )
    if limits:
        panel.thresholds(thresholds((None, 'green'), (0.05, 'yellow'), (0.08, 'red')))
        panel.thresholds_style(GraphThresholdsStyleConfig().mode(GraphTresholdsStyleMode.DASHED))
    for expression, legend in queries:
        panel.with_target(Dataquery().expr(expression).legend_format(legend))
    return panel


def number(title: str, unit: str, expression: str, steps: ThresholdsConfig, legend: str = '') -> Stat:
    """Give a panel of one large number."""
    return (
        Stat()
        .title(title)
        .unit(unit)
        .datasource(SOURCE)
        .span(4)
        .height(4)
        .color_mode(BigValueColorMode.BACKGROUND)
        .thresholds(steps)
        .with_target(Dataquery().expr(expression).legend_format(legend).instant())
    )


def dashboard() -> Dashboard:
    """Give the dashboard."""
    latency = thresholds((None, 'green'), (0.05, 'yellow'), (0.08, 'red'))
    none_is_good = thresholds((None, 'green'), (1, 'red'))
    board = (
        Dashboard('Surgical guidance')
        .uid('surgical-guidance')
        .description('Capture to advice, state, alarms and resources of one host. Not clinically validated.')
        .tags(['surgical-guidance'])
        .refresh('5s')
        .time('now-15m', 'now')
        .timezone('browser')
        .readonly()
        .with_variable(DatasourceVariable('source').label('Prometheus').type('prometheus'))
        .with_variable(
            QueryVariable('host')
            .label('Host')
            .datasource(SOURCE)
            .query('label_values(surgical_guidance_state, instance)')
        )
    )
    board.with_row(Row('Now'))
    for panel in (
        number('State', '', f'surgical_guidance_state{HOST} == 1', thresholds((None, 'blue')), '{{state}}').text_mode(
            BigValueTextMode.NAME
        ),
        number('Capture to advice, p99', 's', f'surgical_guidance:capture_to_advice_seconds:p99_1m{HOST}', latency),
        number(
            'Frame rate', 'hertz', f'surgical_guidance_frame_rate_hertz{HOST}', thresholds((None, 'red'), (24, 'green'))
        ),
        number(
            'Three slow frames, in an hour', '', f'increase(surgical_guidance_breaches_total{HOST}[1h])', none_is_good
        ),
        number('Alarms nobody acknowledged', '', f'surgical_guidance_alarms_unacknowledged{HOST}', none_is_good),
        number(
            'Degradation step',
            '',
            f'surgical_guidance_degradation_step{HOST}',
            thresholds((None, 'green'), (1, 'yellow')),
        ),
    ):
        board.with_panel(panel)
    board.with_row(Row('Frames'))
    for panel in (
        lines(
            'Capture to advice',
            's',
            [
                (f'surgical_guidance:capture_to_advice_seconds:p50_1m{HOST}', 'p50'),
                (f'surgical_guidance:capture_to_advice_seconds:p99_1m{HOST}', 'p99'),
            ],
            'Dashed: the warning at 50 ms and the limit at 80 ms.',
            limits=True,
        ),
        lines(
            'Stages, p99',
            's',
            [
                (f'surgical_guidance:stage_seconds:p99_1m{HOST}', '{{stage}}'),
                (f'surgical_guidance:queue_age_seconds:p99_1m{HOST}', 'age at the start of inference'),
            ],
        ),
        lines('Frames dropped', 'percentunit', [(f'surgical_guidance:frames_dropped:ratio_1m{HOST}', 'dropped')]),
        lines(
            'Frames over 80 ms', '', [(f'increase(surgical_guidance_frames_over_limit_total{HOST}[1m])', 'in a minute')]
        ),
    ):
        board.with_panel(panel)
    board.with_row(Row('Advice and alarms'))
    for panel in (
        lines(
            'Suggestions',
            '',
            [
                (
                    f'sum by (rule, priority) (increase(surgical_guidance_suggestions_total{HOST}[5m])) > 0',
                    '{{rule}} ({{priority}})',
                )
            ],
        ),
        lines(
            'Alarms that last', '', [('surgical_guidance_alarm_active{instance="$host"} == 1', '{{id}} ({{priority}})')]
        ),
    ):
        board.with_panel(panel)
    board.with_row(Row('Processes and host'))
    for panel in (
        lines(
            'Processor',
            '',
            [(f'surgical_guidance:process_cpu:cores_1m{HOST}', '{{process}}')],
            'Cores of each process.',
        ),
        lines(
            'Memory',
            'bytes',
            [
                (f'surgical_guidance_process_resident_bytes{HOST}', '{{process}}'),
                (f'surgical_guidance_host_memory_available_bytes{HOST}', 'left on the host'),
            ],
        ),
        lines(
            'Threads and files',
            '',
            [
                (f'surgical_guidance_process_threads{HOST}', '{{process}} threads'),
                (f'surgical_guidance_process_open_files{HOST}', '{{process}} files'),
            ],
        ),
        lines(
            'GPU and temperature',
            '',
            [
                (f'surgical_guidance_gpu_utilisation_ratio{HOST}', 'GPU, share of time'),
                (f'surgical_guidance_gpu_power_watts{HOST}', 'GPU, W'),
                (f'surgical_guidance_gpu_temperature_celsius{HOST}', 'GPU, °C'),
                (f'surgical_guidance_host_temperature_celsius{HOST}', 'hottest sensor, °C'),
            ],
        ),
    ):
        board.with_panel(panel)
    board.with_row(Row('Relay'))
    for panel in (
        lines('Who watches', '', [(f'surgical_guidance_relay_clients{HOST}', 'pages')]),
        lines('Sent', 'Bps', [(f'rate(surgical_guidance_relay_sent_bytes_total{HOST}[1m])', 'bytes')]),
        lines(
            'Pictures',
            '',
            [
                (f'rate(surgical_guidance_relay_pictures_sent_total{HOST}[1m])', 'sent in a second'),
                (f'rate(surgical_guidance_relay_pictures_dropped_total{HOST}[1m])', 'dropped in a second'),
            ],
        ),
        lines('Round trip', 's', [(f'surgical_guidance_relay_round_trip_seconds{HOST}', 'longest')]),
    ):
        board.with_panel(panel)
    return board


def main() -> None:
    """Write it to the standard output."""
    sys.stdout.write(JSONEncoder(sort_keys=True, indent=2).encode(dashboard().build()) + '\n')


if __name__ == '__main__':
    main()
