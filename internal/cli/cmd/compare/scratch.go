package compare

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/cli/cluster"
	"github.com/sluice-ci/sluice/internal/cli/installation"
	"github.com/sluice-ci/sluice/internal/cli/runs"
)

const (
	// Label of the scratch runs; its value is the same for both runs of a comparison.
	Label = "sluice.dev/compare"
	// removeTime is how long the deletion of the scratch runs may take.
	removeTime = 30 * time.Second
	// unseen is how long a run may have no status before the command prints a hint.
	unseen = 15 * time.Second
)

// scratch is one of the two runs.
type scratch struct {
	engine installation.Engine
	object *unstructured.Unstructured
}

// pair is the two runs of a comparison.
type pair struct {
	id             string
	sluice, tekton scratch
}

// newPair returns two runs with the spec of run. Their names have the same length, so that values with a name have the same size.
func newPair(run *unstructured.Unstructured, id, managedBy string) pair {
	return pair{
		id:     id,
		sluice: newScratch(run, id, installation.Sluice, managedBy),
		tekton: newScratch(run, id, installation.Tekton, v1.ManagedByThis),
	}
}

func newScratch(run *unstructured.Unstructured, id string, engine installation.Engine, managedBy string) scratch {
	o := &unstructured.Unstructured{Object: map[string]any{}}
	o.SetAPIVersion(v1.GroupVersion.String())
	o.SetKind(run.GetKind())
	o.SetNamespace(run.GetNamespace())
	o.SetName("compare-" + id + "-" + string(engine))
	labels := maps.Clone(run.GetLabels())
	if labels == nil {
		labels = map[string]string{}
	}
	labels[Label] = id
	o.SetLabels(labels)
	if annotations := run.GetAnnotations(); len(annotations) > 0 {
		o.SetAnnotations(annotations)
	}
	spec := map[string]any{}
	if given, ok := run.DeepCopy().Object["spec"].(map[string]any); ok {
		spec = given
	}
	delete(spec, "status")
	delete(spec, "statusMessage")
	spec["managedBy"] = managedBy
	o.Object["spec"] = spec
	return scratch{engine: engine, object: o}
}

// fullName returns the name as a user types it.
func (s scratch) fullName() runs.FullName {
	return runs.FullName{Kind: s.object.GetKind(), Name: s.object.GetName()}
}

// await waits until the run has ended, or for the timeout; 0: without a limit. It calls hint if no controller starts the run.
func (s scratch) await(ctx context.Context, c *cluster.Cluster, r runs.Run, timeout time.Duration, hint func(string)) (side, error) {
	limited, cancel := ctx, context.CancelFunc(func() {})
	if timeout > 0 {
		limited, cancel = context.WithTimeout(ctx, timeout)
	}
	defer cancel()
	seen := side{engine: s.engine, timeout: timeout, snapshot: runs.Snapshot{Run: r}}
	started := make(chan struct{})
	begun := false
	go func() {
		timer := time.NewTimer(unseen)
		defer timer.Stop()
		select {
		case <-started:
		case <-limited.Done():
		case <-timer.C:
			hint(fmt.Sprintf("%s has not started %s yet; check whether its controller runs: sluice doctor", s.engine.Name(), r.FullName()))
		}
	}()
	err := runs.Watch(limited, c, r, func(now runs.Snapshot) error {
		seen.snapshot = now
		if now.Run.Condition() != nil && !begun {
			begun = true
			close(started)
		}
		return nil
	})
	if err != nil && ctx.Err() == nil && errors.Is(limited.Err(), context.DeadlineExceeded) {
		err = nil // not an error, but a difference
	}
	return seen, err
}

// remove deletes the run. A run that was never created is not an error.
func (s scratch) remove(ctx context.Context, c *cluster.Cluster) error {
	err := c.Client.Delete(ctx, s.object.DeepCopy(), client.PropagationPolicy(metav1.DeletePropagationBackground))
	if client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("cannot delete %s: %w", s.fullName(), err)
	}
	return nil
}

// sharedClaims returns the names of the claims in the spec of a run, sorted: those of its workspaces and of the volumes of its
// tasks and pods. Both runs would write to them. A volumeClaimTemplate makes a claim for each run.
func sharedClaims(run *unstructured.Unstructured) []string {
	found := map[string]bool{}
	findClaims(run.Object["spec"], found)
	return slices.Sorted(maps.Keys(found))
}

func findClaims(value any, found map[string]bool) {
	switch value := value.(type) {
	case map[string]any:
		for key, inner := range value {
			claim, ok := inner.(map[string]any)
			if name, named := claim["claimName"].(string); key == "persistentVolumeClaim" && ok && named {
				readOnly, _ := claim["readOnly"].(bool)
				if !readOnly {
					found[name] = true
				}
				continue
			}
			findClaims(inner, found)
		}
	case []any:
		for _, inner := range value {
			findClaims(inner, found)
		}
	default:
	}
}

func claimText(claims []string) string {
	if len(claims) == 1 {
		return fmt.Sprintf("claim %q", claims[0])
	}
	return `claims "` + strings.Join(claims, `", "`) + `"`
}
