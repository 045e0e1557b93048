//go:build e2e

package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "github.com/sluice-ci/sluice/api/v1"
)

// The feature flags that these tests set, and their values.
const (
	flagsMap           = "feature-flags"
	flagFrom           = "results-from"
	flagMax            = "max-result-size"
	sidecarLogs        = "sidecar-logs"
	terminationMessage = "termination-message"
	// largest is the limit for one result that most tests run with.
	largest = 1000000
)

func (c *cluster) readFlags(ctx context.Context) (*corev1.ConfigMap, error) {
	flags, err := c.kube.CoreV1().ConfigMaps(installation).Get(ctx, flagsMap, metav1.GetOptions{})
	if err != nil {
		return nil, fmt.Errorf("cannot read ConfigMap %q: %w", flagsMap, err)
	}
	return flags, nil
}

// patchFlags sets keys of the ConfigMap, as `kubectl patch cm feature-flags` does; nil removes a key.
func (c *cluster) patchFlags(ctx context.Context, data map[string]any) error {
	patch, err := json.Marshal(map[string]any{"data": data})
	if err != nil {
		return err
	}
	_, err = c.kube.CoreV1().ConfigMaps(installation).Patch(ctx, flagsMap, types.StrategicMergePatchType, patch, metav1.PatchOptions{})
	return err
}

// restoreFlags sets both flags to what they were.
func (c *cluster) restoreFlags(ctx context.Context, before map[string]string) error {
	data := map[string]any{flagFrom: nil, flagMax: nil}
	for key := range data {
		if value, ok := before[key]; ok {
			data[key] = value
		}
	}
	if err := c.patchFlags(ctx, data); err != nil {
		return fmt.Errorf("cannot set ConfigMap %q back: %w", flagsMap, err)
	}
	return nil
}

// useFlags sets the flags and waits until the controller goes by them.
func (n *namespace) useFlags(t *testing.T, from string, limit int64) {
	t.Helper()
	if err := n.patchFlags(t.Context(), map[string]any{flagFrom: from, flagMax: fmt.Sprint(limit)}); err != nil {
		t.Fatalf("cannot set feature flags to %s, %d: %v", from, limit, err)
	}
	n.awaitFlags(t, v1.FeatureFlags{ResultExtractionMethod: from, MaxResultSize: limit})
}

// awaitFlags waits until a run says that want is in force for it. It runs a Task without results, so that neither the
// log permission nor a limit matters, and that passes any Pod Security standard.
func (n *namespace) awaitFlags(t *testing.T, want v1.FeatureFlags) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var last v1.FeatureFlags
	err := poll(ctx, func(ctx context.Context) (bool, error) {
		var err error
		last, err = n.probe(ctx)
		return last == want, err
	})
	if err != nil {
		t.Fatalf("the controller goes by %+v, not by %+v: %v", last, want, err)
	}
}

// probe returns the flags that a new run starts with.
func (n *namespace) probe(ctx context.Context) (v1.FeatureFlags, error) {
	step := script("none", "true")
	step.SecurityContext = restricted()
	run := &v1.TaskRun{Spec: v1.TaskRunSpec{TaskSpec: &v1.TaskSpec{Steps: []v1.Step{step}}}}
	run.Namespace, run.GenerateName = n.name, "probe-"
	if err := n.client.Create(ctx, run); err != nil {
		return v1.FeatureFlags{}, fmt.Errorf("cannot create TaskRun: %w", err)
	}
	seen := func(run *v1.TaskRun) bool {
		return run.Status.Provenance != nil && run.Status.Provenance.FeatureFlags != nil
	}
	if err := await(ctx, n.client, run, &v1.TaskRunList{}, seen); err != nil {
		return v1.FeatureFlags{}, err
	}
	return *run.Status.Provenance.FeatureFlags, client.IgnoreNotFound(n.client.Delete(ctx, run))
}
