package config

import (
	"context"
	"strings"
	"testing"

	"github.com/go-logr/logr/funcr"
	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/events"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/log"
)

// transports has two ways for results; the second one does not work.
type transports struct{}

func (transports) Names() []ResultsFrom { return []ResultsFrom{TerminationMessage, SidecarLogs} }

func (transports) Warn(_ context.Context, name ResultsFrom) (string, error) {
	if name == SidecarLogs {
		return "logs cannot be read", nil
	}
	return "", nil
}

// watched is a Watcher with its events and its store.
type watched struct {
	*Watcher

	client   client.Client
	recorder *events.FakeRecorder
}

func newWatched(objects ...client.Object) watched {
	c := fake.NewClientBuilder().WithObjects(objects...).Build()
	recorder := events.NewFakeRecorder(100)
	return watched{NewWatcher(c, recorder, "ns", transports{}, NewStore(Default())), c, recorder}
}

func settingsIn(namespace, name string, data map[string]string) *corev1.ConfigMap {
	return &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}, Data: data}
}

// pass reads a ConfigMap as a reconcile does.
func (w watched) pass(t *testing.T, namespace, name string) []string {
	t.Helper()
	if _, err := w.Reconcile(t.Context(), ctrl.Request{NamespacedName: types.NamespacedName{Namespace: namespace, Name: name}}); err != nil {
		t.Fatal(err)
	}
	return w.events()
}

// events returns the reasons of the events since the last call.
func (w watched) events() []string {
	var reasons []string
	for len(w.recorder.Events) > 0 {
		reasons = append(reasons, strings.Fields(<-w.recorder.Events)[1])
	}
	return reasons
}

// TestEventsOncePerChange: a resync reads a ConfigMap again without a change, and its events are not repeated.
func TestEventsOncePerChange(t *testing.T) {
	w := newWatched(settingsIn("ns", FlagsName, map[string]string{
		"results-from":              "sidecar-logs",
		"max-result-size":           "ten",
		"enable-tekton-oci-bundles": "true",
		"colour":                    "blue",
	}))
	if err := w.Load(t.Context(), w.client); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{
		"PermissionMissing", "InvalidSetting", "SettingIgnored", "SettingUnknown",
	}, w.events()); diff != "" {
		t.Errorf("when it is loaded: -want +got:\n%s", diff)
	}
	if got := w.pass(t, "ns", FlagsName); len(got) != 0 {
		t.Errorf("without a change: %q", got)
	}
	changed := settingsIn("ns", FlagsName,
		map[string]string{"results-from": "sidecar-logs", "max-result-size": "eleven", "enable-tekton-oci-bundles": "true"})
	if err := w.client.Update(t.Context(), changed); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"InvalidSetting"}, w.pass(t, "ns", FlagsName)); diff != "" {
		t.Errorf("what is new after a change: -want +got:\n%s", diff)
	}
	changed = settingsIn("ns", FlagsName, nil)
	if err := w.client.Update(t.Context(), changed); err != nil {
		t.Fatal(err)
	}
	if got := w.pass(t, "ns", FlagsName); len(got) != 0 {
		t.Errorf("when all is well: %q", got)
	}
	changed = settingsIn("ns", FlagsName, map[string]string{"enable-tekton-oci-bundles": "true"})
	if err := w.client.Update(t.Context(), changed); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"SettingIgnored"}, w.pass(t, "ns", FlagsName)); diff != "" {
		t.Errorf("what comes back: -want +got:\n%s", diff)
	}
}

// TestClusterResolverSettings: both namespaces are read, and changes and deletions take effect without a restart.
func TestClusterResolverSettings(t *testing.T) {
	own := settingsIn("ns", ClusterResolverName, map[string]string{"blocked-namespaces": "a"})
	shared := settingsIn(ResolversNamespace, ClusterResolverName, map[string]string{"allowed-namespaces": "b,team-*"})
	w := newWatched(own, shared, settingsIn(ResolversNamespace, resolverFlagsName, map[string]string{"enable-cluster-resolver": "false"}))
	if err := w.Load(t.Context(), w.client); err != nil {
		t.Fatal(err)
	}
	want := ClusterResolvers{Own: ClusterResolver{Blocked: []string{"a"}}, Shared: ClusterLists{Allowed: []string{"b", "team-*"}}}
	if diff := cmp.Diff(want, w.store.Load().Cluster); diff != "" {
		t.Errorf("when they are loaded: -want +got:\n%s", diff)
	}
	if diff := cmp.Diff([]string{"InvalidSetting", "SecuritySettingIgnored"}, w.events()); diff != "" {
		t.Errorf("events: -want +got:\n%s", diff)
	}
	own.Data = map[string]string{"default-namespace": "shared"}
	if err := w.client.Update(t.Context(), own); err != nil {
		t.Fatal(err)
	}
	if err := w.client.Delete(t.Context(), shared); err != nil {
		t.Fatal(err)
	}
	for _, namespace := range []string{"ns", ResolversNamespace} {
		if got := w.pass(t, namespace, ClusterResolverName); len(got) != 0 {
			t.Errorf("events about %s: %q", namespace, got)
		}
	}
	want = ClusterResolvers{Own: ClusterResolver{DefaultNamespace: "shared"}}
	if diff := cmp.Diff(want, w.store.Load().Cluster); diff != "" {
		t.Errorf("after the change: -want +got:\n%s", diff)
	}
}

// TestSharedDefaultsAreReported: a default in a namespace that a tenant may own has no effect and is reported.
func TestSharedDefaultsAreReported(t *testing.T) {
	w := newWatched(settingsIn(ResolversNamespace, ClusterResolverName,
		map[string]string{"default-namespace": "evil", "default-kind": "task", "blocked-namespaces": "a"}))
	if diff := cmp.Diff([]string{"SettingIgnored"}, w.pass(t, ResolversNamespace, ClusterResolverName)); diff != "" {
		t.Errorf("events: -want +got:\n%s", diff)
	}
	want := ClusterResolvers{Shared: ClusterLists{Blocked: []string{"a"}}}
	if diff := cmp.Diff(want, w.store.Load().Cluster); diff != "" {
		t.Errorf("in force: -want +got:\n%s", diff)
	}
}

// TestSettingsOfTektonsResolvers: beside Tekton, its resolvers read their settings, so none is logged as ignored.
func TestSettingsOfTektonsResolvers(t *testing.T) {
	defaults := map[string]string{"default-namespace": "shared", "default-kind": "task"}
	w := newWatched(settingsIn(ResolversNamespace, ClusterResolverName, defaults),
		settingsIn(ResolversNamespace, resolverFlagsName, map[string]string{"enable-cluster-resolver": "false"}))
	w.Beside("tekton")
	var lines []string
	logger := funcr.New(func(_, line string) { lines = append(lines, line) }, funcr.Options{})
	if err := w.Load(log.IntoContext(t.Context(), logger), w.client); err != nil {
		t.Fatal(err)
	}
	for _, line := range lines {
		if strings.Contains(line, "enable-cluster-resolver") || strings.Contains(line, "default-namespace") {
			t.Errorf("it logs: %s", line)
		}
	}
}

// TestFlagsOfOtherNamespaces: a ConfigMap in another namespace can only restrict the resolver.
func TestFlagsOfOtherNamespaces(t *testing.T) {
	w := newWatched(settingsIn(ResolversNamespace, FlagsName, map[string]string{"results-from": "sidecar-logs"}),
		settingsIn(ResolversNamespace, DefaultsName, map[string]string{"default-timeout-minutes": "1"}))
	for _, name := range []string{FlagsName, DefaultsName} {
		w.pass(t, ResolversNamespace, name)
	}
	if diff := cmp.Diff(Default(), w.store.Load()); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
