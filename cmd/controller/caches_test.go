package main

import (
	"fmt"
	"testing"

	"k8s.io/apimachinery/pkg/labels"
	"sigs.k8s.io/controller-runtime/pkg/cache"

	v1 "github.com/sluice-ci/sluice/api/v1"
)

// cached returns the options for objects of the type of a sample, such as "*v1.TaskRun".
func cached(t *testing.T, o *options, kind string) (cache.ByObject, bool) {
	t.Helper()
	all, err := cacheOptions(o, nil)
	if err != nil {
		t.Fatal(err)
	}
	for sample, by := range all.ByObject {
		if fmt.Sprintf("%T", sample) == kind {
			return by, true
		}
	}
	return cache.ByObject{}, false
}

// TestCachesBesideTekton: the cache keeps no pod of Tekton, and of a run of Tekton only what identifies it.
func TestCachesBesideTekton(t *testing.T) {
	alone := &options{namespace: "tekton-pipelines"}
	beside := &options{namespace: "sluice-system", coexist: true, managedBy: v1.ManagedBySluice, tektonNamespace: "tekton-pipelines"}
	ofTekton := labels.Set{v1.LabelTaskRunUID: "u"}
	ofSluice := labels.Set{v1.LabelTaskRunUID: "u", v1.LabelTaskDigest: "d"}

	pods, _ := cached(t, beside, "*v1.Pod")
	if pods.Label.Matches(ofTekton) || !pods.Label.Matches(ofSluice) {
		t.Errorf("beside Tekton want the pods of Sluice only, got %s", pods.Label)
	}
	if pods, _ = cached(t, alone, "*v1.Pod"); !pods.Label.Matches(ofTekton) {
		t.Errorf("alone want the pods of all runs, got %s", pods.Label)
	}

	runs, _ := cached(t, beside, "*v1.TaskRun")
	theirs := &v1.TaskRun{Spec: v1.TaskRunSpec{TaskSpec: &v1.TaskSpec{}}}
	if _, err := runs.Transform(theirs); err != nil || theirs.Spec.TaskSpec != nil {
		t.Errorf("want a run of Tekton trimmed, got %+v, %v", theirs.Spec, err)
	}
	ours := &v1.TaskRun{Spec: v1.TaskRunSpec{TaskSpec: &v1.TaskSpec{}, ManagedBy: new(v1.ManagedBySluice)}}
	if _, err := runs.Transform(ours); err != nil || ours.Spec.TaskSpec == nil {
		t.Errorf("want a run of Sluice whole, got %+v, %v", ours.Spec, err)
	}

	namespaces, ok := cached(t, beside, "*v1.Namespace")
	if !ok || namespaces.Label.Matches(labels.Set{}) || !namespaces.Label.Matches(labels.Set{v1.LabelEngine: v1.EngineSluice}) {
		t.Errorf("want the namespaces of Sluice only, got %v", namespaces.Label)
	}
	if _, ok = cached(t, alone, "*v1.Namespace"); ok {
		t.Error("alone, namespaces are not read")
	}

	settings, _ := cached(t, beside, "*v1.ConfigMap")
	for _, namespace := range []string{"sluice-system", "tekton-pipelines", "tekton-pipelines-resolvers"} {
		if _, ok := settings.Namespaces[namespace]; !ok {
			t.Errorf("want the ConfigMaps of %s, got %v", namespace, settings.Namespaces)
		}
	}
	secrets, _ := cached(t, beside, "*v1.Secret")
	if _, ok := secrets.Namespaces["tekton-pipelines"]; ok || len(secrets.Namespaces) != 1 {
		t.Errorf("want no Secrets of Tekton, got %v", secrets.Namespaces)
	}
}
