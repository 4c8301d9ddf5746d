//go:build tools

// Package apiserver pins the kube-apiserver that the tests run; ../../tools.sh builds it.
package apiserver

import _ "k8s.io/kubernetes/cmd/kube-apiserver"
