package bundle

import (
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

const (
	// LabelMode is a label of the objects of an installation beside Tekton.
	LabelMode = "sluice.dev/mode"
	// ModeBeside is the value of LabelMode.
	ModeBeside = "coexist"
	// tektonFlag is the argument of the controller that has the namespace of Tekton.
	tektonFlag = "--tekton-namespace="
)

// besideTekton returns the manifests of the installation beside Tekton. What is in the namespace of Tekton in them is moved to the
// namespace of the choice.
func (c Choice) besideTekton() (Set, error) {
	var s Set
	var err error
	if s.Core, err = parse(coexist); err != nil {
		return s, err
	}
	if s.Settings, err = parse(coexistSettings); err != nil {
		return s, err
	}
	if c.TektonNamespace == "" || c.TektonNamespace == Namespace {
		return s, nil
	}
	for _, o := range s.Core {
		if o.GetNamespace() == Namespace {
			o.SetNamespace(c.TektonNamespace)
		}
		if o.GetKind() != "Deployment" {
			continue
		}
		if err := eachArgument(o, func(arg string) string {
			if strings.HasPrefix(arg, tektonFlag) {
				return tektonFlag + c.TektonNamespace
			}
			return arg
		}); err != nil {
			return s, err
		}
	}
	return s, nil
}

// eachArgument changes the arguments of the controller.
func eachArgument(deployment *unstructured.Unstructured, change func(string) string) error {
	containers, found, err := unstructured.NestedSlice(deployment.Object, "spec", "template", "spec", "containers")
	if err != nil || !found || len(containers) != 1 {
		return fmt.Errorf("cannot find the container of the controller in the embedded manifests: %w", err)
	}
	container, _ := containers[0].(map[string]any)
	args, _, err := unstructured.NestedStringSlice(container, "args")
	if err != nil {
		return fmt.Errorf("cannot read the controller's arguments in the embedded manifests: %w", err)
	}
	for i := range args {
		args[i] = change(args[i])
	}
	if err := unstructured.SetNestedStringSlice(container, args, "args"); err != nil {
		return fmt.Errorf("cannot change the controller's arguments in the embedded manifests: %w", err)
	}
	return unstructured.SetNestedSlice(deployment.Object, containers, "spec", "template", "spec", "containers")
}

// ofBeside changes an object of the right to read logs into one of the installation beside Tekton: its label, and the namespace
// of the service account that gets the right.
func ofBeside(o *unstructured.Unstructured) error {
	labels := o.GetLabels()
	if labels == nil {
		labels = map[string]string{}
	}
	labels[LabelMode] = ModeBeside
	o.SetLabels(labels)
	subjects, found, err := unstructured.NestedSlice(o.Object, "subjects")
	if err != nil {
		return fmt.Errorf("cannot read the subjects of %s in the embedded manifests: %w", o.GetName(), err)
	}
	if !found {
		return nil
	}
	for _, entry := range subjects {
		if subject, ok := entry.(map[string]any); ok {
			subject["namespace"] = BesideNamespace
		}
	}
	return unstructured.SetNestedSlice(o.Object, subjects, "subjects")
}
