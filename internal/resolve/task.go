// Package resolve finds the objects of references: the Task of a TaskRun, the Pipeline of a PipelineRun.
package resolve

import (
	"context"
	"errors"
	"fmt"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/config"
)

// ErrUnresolvable is in an error if a retry cannot help: the referenced object does not exist.
var ErrUnresolvable = errors.New("reference cannot be resolved")

// Resolver reads Tasks and Pipelines from a cache, and from the API server if the cache has none: an object that was created
// together with its run may not be in the cache yet.
type Resolver struct {
	cache, live client.Reader
	remotes     map[string]Remote
	// others fetches for all resolvers that are not in remotes; nil if there are no others.
	others Fetcher
	// verifier verifies what resolvers find; nil if that is not needed.
	verifier Verifier
}

// New returns a Resolver. References can use the resolver "cluster" and the given ones.
func New(cache, live client.Reader, remotes ...Remote) *Resolver {
	r := &Resolver{cache: cache, live: live, remotes: map[string]Remote{}}
	for _, remote := range append([]Remote{NewCluster(cache, live, ClusterPolicy{})}, remotes...) {
		r.remotes[remote.Name()] = remote
	}
	return r
}

// Governed makes the resolver "cluster" use the settings in store at the time of each reference.
func (r *Resolver) Governed(store *config.Store) *Resolver {
	if c, ok := r.remotes[ClusterName].(*Cluster); ok {
		c.policy = func() ClusterPolicy { return PolicyOf(store.Load().Cluster) }
	}
	return r
}

// Task returns the task of a reference, as it is stored. The error wraps ErrUnresolvable, wraps a *PendingError, or is one of the
// API server that may be transient.
func (r *Resolver) Task(ctx context.Context, run Run, ref *v1.TaskRef) (*v1.Task, error) {
	task, _, err := r.LocateTask(ctx, run, ref)
	return task, err
}

// LocateTask returns the result of Task, and the source if it came through a resolver.
func (r *Resolver) LocateTask(ctx context.Context, run Run, ref *v1.TaskRef) (*v1.Task, *v1.RefSource, error) {
	if ref.Kind != "" && !strings.EqualFold(ref.Kind, v1.KindTask) {
		return nil, nil, fmt.Errorf("%w: taskRef.kind: %q: only %q is supported", ErrUnresolvable, ref.Kind, v1.KindTask)
	}
	task := &v1.Task{}
	if ref.Resolver != "" {
		source, err := r.fetch(ctx, v1.KindTask, run, &ref.ResolverRef, task)
		if err != nil {
			return nil, nil, err
		}
		return task, source, nil
	}
	if ref.Name == "" {
		return nil, nil, fmt.Errorf("%w: taskRef.name: is empty; give the name of a Task", ErrUnresolvable)
	}
	namespace := run.Object.GetNamespace()
	if err := r.get(ctx, namespace, ref.Name, task); err != nil {
		return nil, nil, fmt.Errorf("cannot get Task %q of namespace %q: %w", ref.Name, namespace, err)
	}
	return task, nil, nil
}

func (r *Resolver) get(ctx context.Context, namespace, name string, into client.Object) error {
	return get(ctx, r.cache, r.live, types.NamespacedName{Namespace: namespace, Name: name}, into)
}

func get(ctx context.Context, cache, live client.Reader, key types.NamespacedName, into client.Object) error {
	err := cache.Get(ctx, key, into)
	if apierrors.IsNotFound(err) {
		err = live.Get(ctx, key, into)
	}
	if apierrors.IsNotFound(err) {
		return fmt.Errorf("%w: %w", ErrUnresolvable, err)
	}
	return err
}
