package cluster

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sluice-ci/sluice/test/conformance/suite"
)

// beside returns a cluster with Sluice beside Tekton. Its webhook sets managedBy; empty: it is away.
func beside(t *testing.T, managedBy string, objects ...client.Object) *Cluster {
	t.Helper()
	c := server(t, func(c client.WithWatch, o client.Object) error {
		run, ok := o.(*unstructured.Unstructured)
		if !ok || managedBy == "" {
			return nil
		}
		var namespace corev1.Namespace
		if err := c.Get(t.Context(), client.ObjectKey{Name: run.GetNamespace()}, &namespace); err != nil {
			return err
		}
		if namespace.Labels["sluice.dev/engine"] == "sluice" {
			return unstructured.SetNestedField(run.Object, managedBy, "spec", "managedBy")
		}
		return nil
	}, objects...)
	c.place = Beside("tekton-pipelines")
	return c
}

// TestBesideOnlyOurs: beside Tekton a case that another controller runs fails, because its outcome says nothing about Sluice.
func TestBesideOnlyOurs(t *testing.T) {
	if err := open(t, beside(t, "sluice.dev/controller"), "a").Create(t.Context(), taskRun("r", suite.Condition{})); err != nil {
		t.Error(err)
	}
	err := open(t, beside(t, ""), "a").Create(t.Context(), taskRun("r", suite.Condition{}))
	if err == nil || !strings.Contains(err.Error(), "another controller runs it") {
		t.Errorf("want an error for a run without managedBy, got %v", err)
	}
	task := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "tekton.dev/v1", "kind": "Task", "metadata": map[string]any{"name": "t"},
	}}
	if err := open(t, beside(t, ""), "a").Create(t.Context(), task); err != nil {
		t.Errorf("a Task has no controller: %v", err)
	}
}

// TestBesideFlags: Sluice's settings override those of Tekton, and the mode is set for Sluice alone and removed again.
func TestBesideFlags(t *testing.T) {
	ofTekton := &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{Namespace: "tekton-pipelines", Name: "feature-flags"},
		Data:       map[string]string{resultsFrom: "termination-message", "coschedule": "workspaces"},
	}
	c := beside(t, "sluice.dev/controller", ofTekton)
	wantFlags(t, c, map[string]string{resultsFrom: "termination-message", "coschedule": "workspaces"})
	ofSluice := &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{Namespace: "sluice-system", Name: "sluice-settings"}, Data: map[string]string{"max-result-size": "5000"},
	}
	if err := c.client.Create(t.Context(), ofSluice); err != nil {
		t.Fatal(err)
	}
	mode := "sidecar-logs"
	if err := c.setResultsFrom(t.Context(), &mode); err != nil {
		t.Fatal(err)
	}
	wantFlags(t, c, map[string]string{resultsFrom: mode, "coschedule": "workspaces", "max-result-size": "5000"})
	if err := c.client.Get(t.Context(), client.ObjectKeyFromObject(ofTekton), ofTekton); err != nil ||
		ofTekton.Data[resultsFrom] != "termination-message" {
		t.Errorf("want Tekton's settings unchanged, got %v, %v", ofTekton.Data, err)
	}
	if err := c.setResultsFrom(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	wantFlags(t, c, map[string]string{resultsFrom: "termination-message", "coschedule": "workspaces", "max-result-size": "5000"})
}
