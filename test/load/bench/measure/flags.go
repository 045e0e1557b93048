package measure

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/test/load/bench/load"
	"github.com/sluice-ci/sluice/test/load/bench/trace"
)

// The ConfigMap of the feature flags, and its keys about results. limit allows the results of every row.
const (
	flagsMap  = "feature-flags"
	flagFrom  = "results-from"
	flagLimit = "max-result-size"
	limit     = 1_500_000
)

// restoreTime bounds the time for restoring the flags, also after an interruption.
const restoreTime = 10 * time.Second

// Use sets the feature flags for a mode. It waits until a run that uses them has ended, so that the first measured run finds
// images and caches warm.
func (b *Bench) Use(ctx context.Context, mode string) error {
	if load.Limit(mode) {
		return nil
	}
	if err := b.patch(ctx, map[string]any{flagFrom: mode, flagLimit: fmt.Sprint(limit)}); err != nil {
		return err
	}
	const tries = 20
	for range tries {
		used, err := b.probe(ctx)
		if err != nil {
			return fmt.Errorf("results-from %q is not in effect: %w", mode, err)
		}
		if used == mode {
			return b.clean(ctx)
		}
	}
	return fmt.Errorf("results-from %q is not in effect after %d runs", mode, tries)
}

// probe runs a Task without results, and returns the results-from that the run reports.
func (b *Bench) probe(ctx context.Context) (string, error) {
	ctx, stop := context.WithTimeout(ctx, patience)
	defer stop()
	recorder, err := trace.Start(ctx, b.Client, b.Namespace, nil, nil)
	if err != nil {
		return "", err
	}
	b.made++
	name := fmt.Sprintf("probe-%d", b.made)
	run := load.Shape{Steps: 1}.Object(b.Namespace, name, b.Image).(*v1.TaskRun) //nolint:forcetypeassert // a shape of steps alone is one
	if err := b.Client.Create(ctx, run); err != nil {
		return "", fmt.Errorf("cannot create TaskRun: %w", err)
	}
	if err := recorder.Await(ctx, trace.Pod, 1); err != nil {
		return "", err
	}
	if err := recorder.Await(ctx, trace.TaskRun, 1); err != nil {
		return "", err
	}
	if err := b.Client.Get(ctx, types.NamespacedName{Namespace: run.Namespace, Name: run.Name}, run); err != nil {
		return "", fmt.Errorf("cannot read TaskRun %q: %w", run.Name, err)
	}
	if p := run.Status.Provenance; p != nil && p.FeatureFlags != nil {
		return p.FeatureFlags.ResultExtractionMethod, b.Client.Delete(ctx, run)
	}
	return "", b.Client.Delete(ctx, run)
}

// Remember returns a function that restores the current feature flags.
func (b *Bench) Remember(ctx context.Context) (func() error, error) {
	flags, err := b.Kube.CoreV1().ConfigMaps(b.Installation).Get(ctx, flagsMap, metav1.GetOptions{})
	if err != nil {
		return nil, fmt.Errorf("cannot read ConfigMap %q: %w", flagsMap, err)
	}
	before := map[string]any{}
	for _, key := range []string{flagFrom, flagLimit} {
		before[key] = nil
		if value, ok := flags.Data[key]; ok {
			before[key] = value
		}
	}
	return func() error {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), restoreTime)
		defer cancel()
		return b.patch(ctx, before)
	}, nil
}

// patch sets keys of the feature flags; nil removes a key.
func (b *Bench) patch(ctx context.Context, data map[string]any) error {
	patch, err := json.Marshal(map[string]any{"data": data})
	if err != nil {
		return err
	}
	_, err = b.Kube.CoreV1().ConfigMaps(b.Installation).Patch(ctx, flagsMap, types.StrategicMergePatchType, patch, metav1.PatchOptions{})
	if err != nil {
		return fmt.Errorf("cannot set ConfigMap %q: %w", flagsMap, err)
	}
	return nil
}
