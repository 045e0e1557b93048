// Package bundle has the manifests of `sluice install`: those of config/, built by `make generate` and embedded in the binary,
// with the images and settings of the user.
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

	"github.com/sluice-ci/sluice/internal/config"
)

// The manifests from `make generate`.
var (
	//go:embed files/core.yaml.gz
	core []byte
	//go:embed files/flags.yaml
	flags string
	//go:embed files/logs.yaml
	logs string
	//go:embed files/logs-namespaced.yaml
	logsNamespaced string
	//go:embed files/coexist.yaml
	coexist string
	//go:embed files/coexist-settings.yaml
	coexistSettings string
)

// The references to images in the manifests, which ko would build.
const (
	controllerImage = "ko://github.com/sluice-ci/sluice/cmd/controller"
	inpodImage      = "ko://github.com/sluice-ci/sluice/cmd/inpod"
	resolversImage  = "ko://github.com/sluice-ci/sluice/cmd/resolvers"
)

// Names of the installation.
const (
	// Namespace of the installation, and of Tekton beside which Sluice is installed.
	Namespace = "tekton-pipelines"
	// BesideNamespace is the namespace of an installation beside Tekton.
	BesideNamespace = "sluice-system"
	// Deployment of the controller.
	Deployment = "sluice-controller"
	// PartOf is the value of the label app.kubernetes.io/part-of of all objects.
	PartOf = "sluice"
	// ResolversNamespace and ResolversDeployment are those of the program that answers ResolutionRequests.
	ResolversNamespace  = "tekton-pipelines-resolvers"
	ResolversDeployment = "sluice-resolvers"
	// LabelPartOf is that label.
	LabelPartOf = "app.kubernetes.io/part-of"
)

// Choice has the choices of the user.
type Choice struct {
	// Controller and Inpod are the images. Without them the manifests have references that cannot be pulled.
	Controller, Inpod string
	// Resolvers is the image of the program that answers ResolutionRequests.
	Resolvers string
	// NoResolvers leaves that program out.
	NoResolvers bool
	// Args are additional arguments of the controller.
	Args []string
	// ResultsFrom of the settings; empty: that of config/flags.
	ResultsFrom string
	// MaxResultSize of the settings, in bytes; 0: that of config/flags.
	MaxResultSize int64
	// Logs: the controller may read logs, which results-from: sidecar-logs needs; only in LogsNamespace, or in all namespaces
	// if that is empty.
	Logs          bool
	LogsNamespace string
	// Beside: the installation beside Tekton. TektonNamespace is the namespace of Tekton; empty: Namespace.
	Beside          bool
	TektonNamespace string
}

// Namespace returns the namespace of the installation.
func (c Choice) Namespace() string {
	if c.Beside {
		return BesideNamespace
	}
	return Namespace
}

// SettingsName returns the name of the ConfigMap with the settings of the choice.
func (c Choice) SettingsName() string {
	if c.Beside {
		return config.SettingsName
	}
	return FlagsName
}

// Set has the objects to apply.
type Set struct {
	// Core has all objects except the settings, in the order to apply.
	Core []*unstructured.Unstructured
	// Settings are the ConfigMaps. Once they exist, they belong to the administrator of the cluster.
	Settings []*unstructured.Unstructured
}

// All returns the objects of both.
func (s Set) All() []*unstructured.Unstructured { return slices.Concat(s.Core, s.Settings) }

// Build returns the manifests for a choice. It fails only if the embedded files are wrong, which a test excludes.
func Build(c Choice) (Set, error) {
	s, err := c.base()
	if err != nil {
		return s, err
	}
	if c.NoResolvers {
		s.Core = slices.DeleteFunc(s.Core, ofResolvers)
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
		switch {
		case o.GetKind() != "Deployment":
		case o.GetName() == Deployment:
			err = errors.Join(err, c.fillIn(o, c.Controller, c.Args))
		case o.GetName() == ResolversDeployment:
			err = errors.Join(err, c.fillIn(o, c.Resolvers, nil))
		}
	}
	return s, errors.Join(err, c.set(s.Settings))
}

// base returns the manifests without choices.
func (c Choice) base() (Set, error) {
	var s Set
	if c.Beside {
		return c.besideTekton()
	}
	unpacked, err := unpack(core)
	if err != nil {
		return s, err
	}
	if s.Core, err = parse(unpacked); err != nil {
		return s, err
	}
	s.Settings, err = parse(flags)
	return s, err
}

// ofResolvers reports whether an object belongs to the program that answers ResolutionRequests.
func ofResolvers(o *unstructured.Unstructured) bool {
	return o.GetLabels()["app.kubernetes.io/component"] == "resolvers"
}

// access returns the right to read logs.
func (c Choice) access() ([]*unstructured.Unstructured, error) {
	text := logs
	if c.LogsNamespace != "" {
		text = logsNamespaced
	}
	objects, err := parse(text)
	for _, o := range objects {
		if c.LogsNamespace != "" {
			o.SetNamespace(c.LogsNamespace)
		}
		if c.Beside {
			err = errors.Join(err, ofBeside(o))
		}
	}
	return objects, err
}

// rank returns the position of an object in the order to apply: dependencies first.
func rank(o *unstructured.Unstructured) int {
	order := []string{
		"Namespace", "CustomResourceDefinition", "ServiceAccount", "ClusterRole", "Role", "ClusterRoleBinding",
		"RoleBinding", "Secret", "ConfigMap", "Service", "Deployment",
	}
	if i := slices.Index(order, o.GetKind()); i >= 0 {
		return i
	}
	return len(order) // webhooks and policies need the objects above
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

// fillIn sets the images of a Deployment, and adds arguments.
func (c Choice) fillIn(deployment *unstructured.Unstructured, image string, more []string) error {
	containers, found, err := unstructured.NestedSlice(deployment.Object, "spec", "template", "spec", "containers")
	if err != nil || !found || len(containers) != 1 {
		return fmt.Errorf("cannot find the container of Deployment %q in the embedded manifests: %w", deployment.GetName(), err)
	}
	container, ok := containers[0].(map[string]any)
	if !ok {
		return fmt.Errorf("cannot read the container of Deployment %q in the embedded manifests", deployment.GetName())
	}
	if image != "" {
		container["image"] = image
	}
	args, _, err := unstructured.NestedStringSlice(container, "args")
	if err != nil {
		return fmt.Errorf("cannot read the arguments of Deployment %q in the embedded manifests: %w", deployment.GetName(), err)
	}
	for i := range args {
		if args[i] == inpodImage && c.Inpod != "" {
			args[i] = c.Inpod
		}
	}
	if err := unstructured.SetNestedStringSlice(container, append(args, more...), "args"); err != nil {
		return err
	}
	return unstructured.SetNestedSlice(deployment.Object, containers, "spec", "template", "spec", "containers")
}

// set sets the chosen settings in their ConfigMap.
func (c Choice) set(settings []*unstructured.Unstructured) error {
	values := map[string]string{}
	if c.ResultsFrom != "" {
		values["results-from"] = c.ResultsFrom
	}
	if c.MaxResultSize > 0 {
		values["max-result-size"] = fmt.Sprint(c.MaxResultSize)
	}
	for _, o := range settings {
		if o.GetName() != c.SettingsName() {
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

// FlagsName is the name of the ConfigMap with the settings of the only controller of a cluster.
const FlagsName = "feature-flags"

// Unbuilt returns the references in the objects that ko has not replaced by images.
func Unbuilt(s Set) []string {
	var found []string
	for _, o := range s.Core {
		text, err := o.MarshalJSON()
		if err != nil {
			continue
		}
		for _, image := range []string{controllerImage, inpodImage, resolversImage} {
			if strings.Contains(string(text), `"`+image+`"`) {
				found = append(found, image)
			}
		}
	}
	return found
}
