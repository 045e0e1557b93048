// Package bundle is what `sluice install` applies: the manifests of config/, built by `make generate` and embedded in the
// binary, with the images and settings that the user has chosen.
package bundle

import (
	"bytes"
	"compress/gzip"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/yaml"
)

// The manifests, as `make generate` has built them.
var (
	//go:embed files/core.yaml.gz
	core []byte
	//go:embed files/flags.yaml
	flags string
	//go:embed files/logs.yaml
	logs string
	//go:embed files/logs-namespaced.yaml
	logsNamespaced string
)

// The images as they stand in the manifests: ko would build them.
const (
	controllerImage = "ko://github.com/sluice-ci/sluice/cmd/controller"
	inpodImage      = "ko://github.com/sluice-ci/sluice/cmd/inpod"
)

// Names of what is installed.
const (
	// Namespace of the installation.
	Namespace = "tekton-pipelines"
	// Deployment is the name of the controller's.
	Deployment = "sluice-controller"
	// PartOf is the value of the label app.kubernetes.io/part-of on everything.
	PartOf = "sluice"
	// LabelPartOf is that label.
	LabelPartOf = "app.kubernetes.io/part-of"
)

// Choice is what a user can choose.
type Choice struct {
	// Controller and Inpod are the images. Without them the manifests name none that could be pulled.
	Controller, Inpod string
	// Args are further arguments of the controller.
	Args []string
	// ResultsFrom of the settings; empty leaves the one of config/flags.
	ResultsFrom string
	// MaxResultSize of the settings, in bytes; 0 leaves the one of config/flags.
	MaxResultSize int64
	// Logs: the controller may read logs, which results-from: sidecar-logs needs; in LogsNamespace alone, or everywhere
	// if that is empty.
	Logs          bool
	LogsNamespace string
}

// Set is what is to be applied.
type Set struct {
	// Core is everything but the settings, in the order in which it can be applied.
	Core []*unstructured.Unstructured
	// Settings are the ConfigMaps. They belong to whoever runs the cluster once they exist.
	Settings []*unstructured.Unstructured
}

// All are the objects of both.
func (s Set) All() []*unstructured.Unstructured { return slices.Concat(s.Core, s.Settings) }

// Build returns the manifests for a choice. The error says that the embedded files do not hold what they should, which a
// test excludes.
func Build(c Choice) (Set, error) {
	var s Set
	unpacked, err := unpack(core)
	if err != nil {
		return s, err
	}
	if s.Core, err = parse(unpacked); err != nil {
		return s, err
	}
	if s.Settings, err = parse(flags); err != nil {
		return s, err
	}
	if c.Logs {
		access, err := c.access()
		if err != nil {
			return s, err
		}
		s.Core = append(s.Core, access...)
	}
	slices.SortStableFunc(s.Core, func(a, b *unstructured.Unstructured) int { return rank(a) - rank(b) })
	for _, o := range s.Core {
		if o.GetKind() == "Deployment" && o.GetName() == Deployment {
			err = errors.Join(err, c.fillIn(o))
		}
	}
	return s, errors.Join(err, c.set(s.Settings))
}

// access is the right to read logs.
func (c Choice) access() ([]*unstructured.Unstructured, error) {
	if c.LogsNamespace == "" {
		return parse(logs)
	}
	objects, err := parse(logsNamespaced)
	for _, o := range objects {
		o.SetNamespace(c.LogsNamespace)
	}
	return objects, err
}

// rank is the order in which objects are applied: what others need comes first.
func rank(o *unstructured.Unstructured) int {
	order := []string{
		"Namespace", "CustomResourceDefinition", "ServiceAccount", "ClusterRole", "Role", "ClusterRoleBinding",
		"RoleBinding", "Secret", "ConfigMap", "Service", "Deployment",
	}
	if i := slices.Index(order, o.GetKind()); i >= 0 {
		return i
	}
	return len(order) // webhooks and policies: they ask what is above
}

func unpack(packed []byte) (string, error) {
	reader, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return "", fmt.Errorf("cannot unpack embedded manifests: %w", err)
	}
	text, err := io.ReadAll(reader)
	if err != nil {
		return "", fmt.Errorf("cannot unpack embedded manifests: %w", err)
	}
	return string(text), nil
}

func parse(text string) ([]*unstructured.Unstructured, error) {
	decoder := yaml.NewYAMLOrJSONDecoder(bytes.NewReader([]byte(text)), 4096)
	var objects []*unstructured.Unstructured
	for {
		o := &unstructured.Unstructured{}
		err := decoder.Decode(&o.Object)
		if errors.Is(err, io.EOF) {
			return objects, nil
		}
		if err != nil {
			return nil, fmt.Errorf("cannot read embedded manifests: %w", err)
		}
		if len(o.Object) > 0 {
			objects = append(objects, o)
		}
	}
}

// fillIn puts the images and the arguments into the Deployment.
func (c Choice) fillIn(deployment *unstructured.Unstructured) error {
	containers, found, err := unstructured.NestedSlice(deployment.Object, "spec", "template", "spec", "containers")
	if err != nil || !found || len(containers) != 1 {
		return fmt.Errorf("cannot find the controller's container in the embedded manifests: %w", err)
	}
	container, ok := containers[0].(map[string]any)
	if !ok {
		return errors.New("cannot read the controller's container in the embedded manifests")
	}
	if c.Controller != "" {
		container["image"] = c.Controller
	}
	args, _, err := unstructured.NestedStringSlice(container, "args")
	if err != nil {
		return fmt.Errorf("cannot read the controller's arguments in the embedded manifests: %w", err)
	}
	for i := range args {
		if args[i] == inpodImage && c.Inpod != "" {
			args[i] = c.Inpod
		}
	}
	if err := unstructured.SetNestedStringSlice(container, append(args, c.Args...), "args"); err != nil {
		return err
	}
	return unstructured.SetNestedSlice(deployment.Object, containers, "spec", "template", "spec", "containers")
}

// set puts the chosen settings into feature-flags.
func (c Choice) set(settings []*unstructured.Unstructured) error {
	values := map[string]string{}
	if c.ResultsFrom != "" {
		values["results-from"] = c.ResultsFrom
	}
	if c.MaxResultSize > 0 {
		values["max-result-size"] = fmt.Sprint(c.MaxResultSize)
	}
	for _, o := range settings {
		if o.GetName() != FlagsName {
			continue
		}
		for key, value := range values {
			if err := unstructured.SetNestedField(o.Object, value, "data", key); err != nil {
				return fmt.Errorf("cannot set %q in the embedded manifests: %w", key, err)
			}
		}
	}
	return nil
}

// FlagsName is the name of the ConfigMap with the settings that the choice is about.
const FlagsName = "feature-flags"

// Unbuilt are the images of the objects that are none: what ko would have to build first.
func Unbuilt(s Set) []string {
	var found []string
	for _, o := range s.Core {
		text, err := o.MarshalJSON()
		if err != nil {
			continue
		}
		for _, image := range []string{controllerImage, inpodImage} {
			if strings.Contains(string(text), `"`+image+`"`) {
				found = append(found, image)
			}
		}
	}
	return found
}
