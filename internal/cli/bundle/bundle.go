package bundle

import (
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/sluice-ci/sluice/config"
)

// Namespace is where the controller and its settings live.
const Namespace = "tekton-pipelines"

// Deployment is the name of the controller's.
const Deployment = "sluice-controller"

// The images as the manifests name them, before a build has given them a name.
const (
	controllerSource = "ko://github.com/sluice-ci/sluice/cmd/controller"
	inpodSource      = "ko://github.com/sluice-ci/sluice/cmd/inpod"
)

// Images are the two images of an installation.
type Images struct {
	// Controller and Inpod are references that the cluster's nodes can pull, best by digest.
	Controller, Inpod string
}

// Core is everything but the settings, which belong to whoever runs the cluster once they exist. Namespace and CRDs come
// first. Arguments are added to those of the controller.
func Core(images Images, arguments ...string) ([]*unstructured.Unstructured, error) {
	all, err := build(config.Files, "core")
	if err != nil {
		return nil, err
	}
	for _, o := range all {
		if o.GetKind() == "Deployment" {
			if err := complete(o, images, arguments); err != nil {
				return nil, err
			}
		}
	}
	slices.SortStableFunc(all, func(a, b *unstructured.Unstructured) int { return rank(a) - rank(b) })
	return all, nil
}

// Settings are the ConfigMaps with their defaults, to be created where there are none.
func Settings() ([]*unstructured.Unstructured, error) { return build(config.Files, "flags") }

// LogAccess is the right to read logs in all namespaces, which results-from: sidecar-logs needs.
func LogAccess() ([]*unstructured.Unstructured, error) {
	const folder = "enable-log-access-to-controller"
	names, err := fs.Glob(config.Files, path.Join(folder, "*.yaml"))
	if err != nil {
		return nil, err
	}
	var all []*unstructured.Unstructured
	for _, name := range names {
		some, err := read(config.Files, name)
		if err != nil {
			return nil, err
		}
		all = append(all, some...)
	}
	return all, nil
}

// rank puts first what others need: the namespace, then kinds and accounts.
func rank(o *unstructured.Unstructured) int {
	order := []string{"Namespace", "CustomResourceDefinition", "ServiceAccount", "ClusterRole", "Role", "ClusterRoleBinding", "RoleBinding", "Secret", "Service"}
	if i := slices.Index(order, o.GetKind()); i >= 0 {
		return i
	}
	return len(order)
}

// complete puts images and arguments into the controller's Deployment.
func complete(deployment *unstructured.Unstructured, images Images, arguments []string) error {
	at := []string{"spec", "template", "spec", "containers"}
	containers, _, err := unstructured.NestedSlice(deployment.Object, at...)
	if err != nil || len(containers) != 1 {
		return fmt.Errorf("cannot find the one container of Deployment %q: %w", deployment.GetName(), err)
	}
	container, ok := containers[0].(map[string]any)
	if !ok || container["image"] != controllerSource {
		return fmt.Errorf("cannot put an image into Deployment %q: its container has none that is %s", deployment.GetName(), controllerSource)
	}
	container["image"] = images.Controller
	args, _, err := unstructured.NestedStringSlice(container, "args")
	if err != nil {
		return fmt.Errorf("cannot read the arguments of Deployment %q: %w", deployment.GetName(), err)
	}
	i := slices.Index(args, inpodSource)
	if i < 0 {
		return fmt.Errorf("cannot put an image into Deployment %q: none of its arguments is %s", deployment.GetName(), inpodSource)
	}
	args[i] = images.Inpod
	args = append(args, arguments...)
	plain := make([]any, len(args))
	for i, a := range args {
		plain[i] = strings.Clone(a)
	}
	container["args"] = plain
	return unstructured.SetNestedSlice(deployment.Object, containers, at...)
}
