package cluster

import (
	"fmt"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
)

// Place says where the controller under test has its settings, and which runs are its own.
type Place struct {
	// Settings are the ConfigMaps with the feature flags. A flag in one overrides that in those before it. The first one must
	// exist, and the last one gets the flag results-from.
	Settings []types.NamespacedName
	// Labels of the namespaces of the cases.
	Labels map[string]string
	// ManagedBy is the value of spec.managedBy that each run must have after its creation; empty: any.
	ManagedBy string
}

// Alone is the place of the only controller of a cluster, in a namespace.
func Alone(namespace string) Place {
	return Place{Settings: []types.NamespacedName{{Namespace: namespace, Name: flagsMap}}}
}

// Beside is the place of Sluice beside Tekton, whose settings are in a namespace.
func Beside(tekton string) Place {
	return Place{
		Settings:  []types.NamespacedName{{Namespace: tekton, Name: flagsMap}, {Namespace: "sluice-system", Name: "sluice-settings"}},
		Labels:    map[string]string{"sluice.dev/engine": "sluice"},
		ManagedBy: "sluice.dev/controller",
	}
}

// wantOurs returns an error if another controller runs a new run: its outcome would say nothing about Sluice.
func (p Place) wantOurs(run *unstructured.Unstructured) error {
	got, _, _ := unstructured.NestedString(run.Object, "spec", "managedBy")
	if p.ManagedBy == "" || got == p.ManagedBy {
		return nil
	}
	return fmt.Errorf("spec.managedBy is %q, want %q: the webhook of Sluice did not set it, so another controller runs it", got, p.ManagedBy)
}
