# An OpenTelemetry Collector, built with Go; tools/otelcol/main.go says of what.
otelcol_version=0.161.0
otelcol_time="building it takes about a minute, once"
otelcol_without=$without_receiver

find_otelcol() { cached_program otelcol; }

get_otelcol() { go_build otelcol tools/otelcol . ''; }
