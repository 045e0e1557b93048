// Package config is the manifests of this folder, for programs that install them.
package config

import "embed"

// Files are the manifests, with their kustomization files. Examples of overlays and pages for people are not among them.
//
//go:embed */kustomization.yaml */*.yaml crd/bases/*.yaml enable-log-access-to-controller/namespaced/*.yaml
var Files embed.FS
