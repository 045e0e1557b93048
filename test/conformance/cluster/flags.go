package cluster

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

const (
	// flagsMap is the ConfigMap of the feature flags, and resultsFrom is the flag that selects the transport of results.
	flagsMap, resultsFrom = "feature-flags", "results-from"
	// turning bounds the time until the controller uses another value of a flag.
	turning = time.Minute
)

// Flags returns the feature flags of the cluster. results-from is always among them.
func (c *Cluster) Flags(ctx context.Context) (map[string]string, error) {
	all := map[string]string{resultsFrom: "termination-message"}
	for i, key := range c.place.Settings {
		settings := &corev1.ConfigMap{}
		err := c.client.Get(ctx, key, settings)
		if err != nil && (i == 0 || !apierrors.IsNotFound(err)) {
			return nil, fmt.Errorf("cannot read ConfigMap %q of namespace %q; is Sluice deployed? %w", key.Name, key.Namespace, err)
		}
		maps.Copy(all, settings.Data)
	}
	return all, nil
}

// changed returns the ConfigMap in which results-from is set.
func (c *Cluster) changed() types.NamespacedName { return c.place.Settings[len(c.place.Settings)-1] }

// UseMode sets results-from and waits until the controller uses it. restore sets the earlier value, also after ctx has ended.
// restore is never nil.
func (c *Cluster) UseMode(ctx context.Context, mode string) (restore func() error, err error) {
	nothing := func() error { return nil }
	settings := &corev1.ConfigMap{}
	if err := c.client.Get(ctx, c.changed(), settings); err != nil {
		return nothing, fmt.Errorf("cannot read ConfigMap %q of namespace %q; is Sluice deployed? %w",
			c.changed().Name, c.changed().Namespace, err)
	}
	var before *string // nil: the key is removed again
	if value, ok := settings.Data[resultsFrom]; ok {
		before = &value
	}
	if err := c.setResultsFrom(ctx, &mode); err != nil {
		return nothing, err
	}
	restore = func() error {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closing)
		defer cancel()
		return c.setResultsFrom(ctx, before)
	}
	if err := c.awaitMode(ctx, mode); err != nil {
		return restore, fmt.Errorf("the controller does not use %s: %s: %w", resultsFrom, mode, err)
	}
	return restore, nil
}

// setResultsFrom sets the flag, or removes it for nil.
func (c *Cluster) setResultsFrom(ctx context.Context, value *string) error {
	patch, err := json.Marshal(map[string]any{"data": map[string]*string{resultsFrom: value}})
	if err != nil {
		return fmt.Errorf("cannot encode patch: %w", err)
	}
	settings := &corev1.ConfigMap{}
	settings.Namespace, settings.Name = c.changed().Namespace, c.changed().Name
	if err := c.client.Patch(ctx, settings, client.RawPatch(types.MergePatchType, patch)); err != nil {
		return fmt.Errorf("cannot set %s in ConfigMap %q: %w", resultsFrom, settings.Name, err)
	}
	return nil
}

// awaitMode starts runs until one reports the mode.
func (c *Cluster) awaitMode(ctx context.Context, mode string) error {
	ctx, cancel := context.WithTimeout(ctx, turning)
	defer cancel()
	opened, err := c.Open(ctx, "probe")
	if err != nil {
		return err
	}
	defer opened.Close(ctx, false)
	return poll(ctx, func() (bool, error) {
		run := probe()
		if err := opened.Create(ctx, run); err != nil {
			return false, fmt.Errorf("cannot create TaskRun: %w", err)
		}
		got, err := c.modeOf(ctx, run)
		return got == mode, err
	})
}

// modeOf waits until a run reports its mode, and returns it.
func (c *Cluster) modeOf(ctx context.Context, run *unstructured.Unstructured) (mode string, err error) {
	err = poll(ctx, func() (bool, error) {
		if err := c.client.Get(ctx, client.ObjectKeyFromObject(run), run); err != nil {
			return false, fmt.Errorf("cannot read TaskRun %q: %w", run.GetName(), err)
		}
		mode, _, _ = unstructured.NestedString(run.Object, "status", "provenance", "featureFlags", "resultExtractionMethod")
		return mode != "" || condition(run).Done(), nil
	})
	return mode, err
}

// probe returns a run that does nothing.
func probe() *unstructured.Unstructured {
	return &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "tekton.dev/v1",
		"kind":       "TaskRun",
		"metadata":   map[string]any{"generateName": "probe-"},
		"spec": map[string]any{"taskSpec": map[string]any{"steps": []any{
			map[string]any{"name": "none", "image": "docker.io/library/busybox:1", "command": []any{"true"}},
		}}},
	}}
}
