# Loki, built with Go. Replacements keep `go install` from working; tools/loki/go.mod repeats those of Loki's own go.mod.
loki_version=3.7.8
loki_time="building it takes 10 to 15 minutes, once"
loki_without=$without_receiver

find_loki() { cached_program loki; }

get_loki() { go_build loki tools/loki github.com/grafana/loki/v3/cmd/loki ''; }
