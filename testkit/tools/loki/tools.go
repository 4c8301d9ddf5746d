//go:build tools

// Package loki pins the Loki that the tests run; ../../tools.sh builds it.
package loki

import _ "github.com/grafana/loki/v3/cmd/loki"
