//go:build tools

// Package etcd pins the etcd server that the tests run; ../../tools.sh builds it.
package etcd

import _ "go.etcd.io/etcd/server/v3"
