package sweep

import (
	"context"
	"errors"
	"fmt"

	apimeta "k8s.io/apimachinery/pkg/api/meta"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/api/v1beta1"
	"github.com/sluice-ci/sluice/internal/cloudevents/mark"
	"github.com/sluice-ci/sluice/internal/ownership"
	"github.com/sluice-ci/sluice/internal/retention"
)

// Runs reads the runs of a namespace, and the CustomRuns of its PipelineRuns. The objects are shared and must not be changed.
type Runs interface {
	Each(namespace string, do func(run any)) error
}

// Cached reads the runs from the cache of a manager, without copies and without lists of their contents.
type Cached struct {
	indexers []toolscache.Indexer
	// customRuns returns where CustomRuns are; nil if the cluster does not serve them.
	customRuns func() (toolscache.Indexer, error)
}

// NewCached returns a Cached of the informers for runs of a cache. They may not be filled yet.
func NewCached(ctx context.Context, from cache.Cache) (*Cached, error) {
	c := &Cached{customRuns: func() (toolscache.Indexer, error) { return customRuns(ctx, from) }}
	for _, kind := range []client.Object{&v1.TaskRun{}, &v1.PipelineRun{}} {
		informer, err := from.GetInformer(ctx, kind, cache.BlockUntilSynced(false))
		if err != nil {
			return nil, fmt.Errorf("cannot watch runs for retention: %w", err)
		}
		indexer, err := indexerOf(informer)
		if err != nil {
			return nil, err
		}
		c.indexers = append(c.indexers, indexer)
	}
	return c, nil
}

func indexerOf(informer cache.Informer) (toolscache.Indexer, error) {
	indexed, ok := informer.(interface{ GetIndexer() toolscache.Indexer })
	if !ok {
		return nil, fmt.Errorf("cannot read runs for retention: the informer %T has no index", informer)
	}
	return indexed.GetIndexer(), nil
}

// customRuns returns where the CustomRuns of a cache are; nil if the cluster does not serve them. The reconciler of PipelineRuns watches
// them, too.
func customRuns(ctx context.Context, from cache.Cache) (toolscache.Indexer, error) {
	informer, err := from.GetInformer(ctx, &v1beta1.CustomRun{}, cache.BlockUntilSynced(false))
	if apimeta.IsNoMatchError(err) {
		return nil, nil //nolint:nilnil // there are none
	}
	if err != nil {
		return nil, fmt.Errorf("cannot watch CustomRuns for retention: %w", err)
	}
	if !informer.HasSynced() {
		return nil, errors.New("cannot decide about PipelineRuns with custom tasks: the cache has no CustomRuns yet")
	}
	return indexerOf(informer)
}

// Each calls do for each run of a namespace. It reads CustomRuns only if a PipelineRun has some.
func (c *Cached) Each(namespace string, do func(run any)) error {
	custom := false
	for _, indexer := range c.indexers {
		err := each(indexer, namespace, func(run any) {
			pr, ok := run.(*v1.PipelineRun)
			custom = custom || ok && retention.HasCustomRuns(pr)
			do(run)
		})
		if err != nil {
			return err
		}
	}
	if !custom {
		return nil
	}
	indexer, err := c.customRuns()
	if err != nil || indexer == nil {
		return err
	}
	return each(indexer, namespace, do)
}

func each(indexer toolscache.Indexer, namespace string, do func(run any)) error {
	runs, err := indexer.ByIndex(toolscache.NamespaceIndex, namespace)
	if err != nil {
		return fmt.Errorf("cannot read the runs of namespace %q from the cache: %w", namespace, err)
	}
	for _, run := range runs {
		do(run)
	}
	return nil
}

// factsOf returns what a decision needs to know about the runs of a namespace that this controller manages. Look says which events are
// due.
func factsOf(runs Runs, namespace string, manages ownership.Rule, look mark.Look) ([]retention.Run, error) {
	var facts []retention.Run
	err := runs.Each(namespace, func(run any) {
		switch typed := run.(type) {
		case *v1.TaskRun:
			if manages.Manages(typed.Spec.ManagedBy) {
				facts = append(facts, retention.OfTaskRun(typed, look))
			}
		case *v1.PipelineRun:
			if manages.Manages(typed.Spec.ManagedBy) {
				facts = append(facts, retention.OfPipelineRun(typed, look))
			}
		case *v1beta1.CustomRun:
			facts = append(facts, retention.OfCustomRun(typed)) // it only has to do with the PipelineRun that owns it
		}
	})
	return facts, err
}
