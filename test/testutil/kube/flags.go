package kube

import (
	"context"
	"encoding/json"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "github.com/sluice-ci/sluice/api/v1"
)

// The feature flags, the ConfigMap that they are in, and the values of results-from.
const (
	FlagsMap           = "feature-flags"
	FlagFrom           = "results-from"
	FlagMax            = "max-result-size"
	SidecarLogs        = "sidecar-logs"
	TerminationMessage = "termination-message"
)

// ReadFlags reads the ConfigMap of the feature flags.
func (c *Cluster) ReadFlags(ctx context.Context) (*corev1.ConfigMap, error) {
	flags, err := c.Kube.CoreV1().ConfigMaps(c.Controller).Get(ctx, c.settings, metav1.GetOptions{})
	if err != nil {
		return nil, fmt.Errorf("cannot read ConfigMap %q: %w", c.settings, err)
	}
	return flags, nil
}

// PatchFlags sets keys of the ConfigMap, as `kubectl patch cm feature-flags` does; nil removes a key.
func (c *Cluster) PatchFlags(ctx context.Context, data map[string]any) error {
	patch, err := json.Marshal(map[string]any{"data": data})
	if err != nil {
		return err
	}
	_, err = c.Kube.CoreV1().ConfigMaps(c.Controller).Patch(ctx, c.settings, types.StrategicMergePatchType, patch, metav1.PatchOptions{})
	return err
}

// RestoreFlags sets the flags to the given earlier values.
func (c *Cluster) RestoreFlags(ctx context.Context, before map[string]string) error {
	now, err := c.ReadFlags(ctx)
	if err != nil {
		return err
	}
	data := map[string]any{}
	for key := range now.Data {
		data[key] = nil
	}
	for key, value := range before {
		data[key] = value
	}
	if err := c.PatchFlags(ctx, data); err != nil {
		return fmt.Errorf("cannot restore ConfigMap %q: %w", c.settings, err)
	}
	return nil
}

// UseFlags sets results-from and max-result-size, and waits until they are in effect for runs in the namespace.
func (c *Cluster) UseFlags(ctx context.Context, namespace, from string, limit int64) error {
	if err := c.PatchFlags(ctx, map[string]any{FlagFrom: from, FlagMax: fmt.Sprint(limit)}); err != nil {
		return fmt.Errorf("cannot set feature flags to %s, %d: %w", from, limit, err)
	}
	return c.AwaitFlags(ctx, namespace, v1.FeatureFlags{ResultExtractionMethod: from, MaxResultSize: limit})
}

// AwaitFlags waits until a run in the namespace reports that it uses the flags in want. It runs a Task without results, so
// that the log permission and the limits do not matter. The Task passes every Pod Security standard.
func (c *Cluster) AwaitFlags(ctx context.Context, namespace string, want v1.FeatureFlags) error {
	var last v1.FeatureFlags
	err := Poll(ctx, func(ctx context.Context) (bool, error) {
		var err error
		last, err = c.probe(ctx, namespace)
		return last == want, err
	})
	if err != nil {
		return fmt.Errorf("the controller uses %+v, want %+v: %w", last, want, err)
	}
	return nil
}

// probe returns the flags that a new run starts with.
func (c *Cluster) probe(ctx context.Context, namespace string) (v1.FeatureFlags, error) {
	step := Script("none", "true")
	step.SecurityContext = Restricted()
	run := &v1.TaskRun{Spec: v1.TaskRunSpec{TaskSpec: &v1.TaskSpec{Steps: []v1.Step{step}}}}
	run.Namespace, run.GenerateName = namespace, "probe-"
	if err := Create(ctx, c.Client, run); err != nil {
		return v1.FeatureFlags{}, err
	}
	seen := func(run *v1.TaskRun) bool {
		return run.Status.Provenance != nil && run.Status.Provenance.FeatureFlags != nil
	}
	if err := Await(ctx, c.Client, run, &v1.TaskRunList{}, seen); err != nil {
		return v1.FeatureFlags{}, err
	}
	return *run.Status.Provenance.FeatureFlags, client.IgnoreNotFound(c.Client.Delete(ctx, run))
}
