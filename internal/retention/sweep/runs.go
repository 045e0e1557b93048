package sweep

import (
	"context"
	"fmt"

	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/ownership"
	"github.com/sluice-ci/sluice/internal/retention"
)

// Runs reads the runs of a namespace. The objects are shared and must not be changed.
type Runs interface {
	Each(namespace string, do func(run any)) error
}

// Cached reads the runs from the cache of a manager, without copies and without lists of their contents.
type Cached struct{ indexers []toolscache.Indexer }

// NewCached returns a Cached of the informers for runs of a cache. They may not be filled yet.
func NewCached(ctx context.Context, from cache.Cache) (*Cached, error) {
	c := &Cached{}
	for _, kind := range []client.Object{&v1.TaskRun{}, &v1.PipelineRun{}} {
		informer, err := from.GetInformer(ctx, kind, cache.BlockUntilSynced(false))
		if err != nil {
			return nil, fmt.Errorf("cannot watch runs for retention: %w", err)
		}
		indexed, ok := informer.(interface{ GetIndexer() toolscache.Indexer })
		if !ok {
			return nil, fmt.Errorf("cannot read runs for retention: the informer %T has no index", informer)
		}
		c.indexers = append(c.indexers, indexed.GetIndexer())
	}
	return c, nil
}

// Each calls do for each run of a namespace.
func (c *Cached) Each(namespace string, do func(run any)) error {
	for _, indexer := range c.indexers {
		runs, err := indexer.ByIndex(toolscache.NamespaceIndex, namespace)
		if err != nil {
			return fmt.Errorf("cannot read the runs of namespace %q from the cache: %w", namespace, err)
		}
		for _, run := range runs {
			if short, ok := run.(interface{ Run() client.Object }); ok { // a cache may keep a finished run in another form
				run = short.Run()
			}
			do(run)
		}
	}
	return nil
}

// factsOf returns what a decision needs to know about the runs of a namespace that this controller manages.
func factsOf(runs Runs, namespace string, manages ownership.Rule) ([]retention.Run, error) {
	var facts []retention.Run
	err := runs.Each(namespace, func(run any) {
		switch typed := run.(type) {
		case *v1.TaskRun:
			if manages.Manages(typed.Spec.ManagedBy) {
				facts = append(facts, retention.OfTaskRun(typed))
			}
		case *v1.PipelineRun:
			if manages.Manages(typed.Spec.ManagedBy) {
				facts = append(facts, retention.OfPipelineRun(typed))
			}
		}
	})
	return facts, err
}
