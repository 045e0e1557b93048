package main

import (
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/selection"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	resolutionv1beta1 "github.com/sluice-ci/sluice/api/resolution/v1beta1"
	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/api/v1beta1"
	"github.com/sluice-ci/sluice/internal/cloudevents"
	"github.com/sluice-ci/sluice/internal/cloudevents/mark"
	"github.com/sluice-ci/sluice/internal/config"
	"github.com/sluice-ci/sluice/internal/objectsize"
	"github.com/sluice-ci/sluice/internal/ownership"
	"github.com/sluice-ci/sluice/internal/pipelinerun"
	"github.com/sluice-ci/sluice/internal/pod"
	"github.com/sluice-ci/sluice/internal/resolve/request"
	"github.com/sluice-ci/sluice/internal/taskrun"
)

// cacheOptions keeps the cache small: it holds only pods of runs, the settings, the Secrets of the installation, and the
// fields that a reconcile reads. Sent says which events of finished runs need not be remembered. Beside Tekton it keeps only what
// identifies the runs of Tekton.
func cacheOptions(o *options, sent *mark.Current) (cache.Options, error) {
	pods, err := podsOfRuns(o)
	if err != nil {
		return cache.Options{}, err
	}
	runs, records := o.runs(), cloudevents.NewTrimmer(sent, time.Now)
	byObject := map[client.Object]cache.ByObject{
		&corev1.ConfigMap{}: {Namespaces: configMaps(o)},
		&corev1.Secret{}:    {Namespaces: map[string]cache.Config{o.namespace: {}}},
		&corev1.Pod{}:       {Label: pods, Transform: transform(pod.Trim)},
		&v1.TaskRun{}: {Transform: transform(func(tr *v1.TaskRun) {
			if runs.TrimTaskRun(tr) {
				keepLength(tr, tr.Status.Done())
				taskrun.Trim(tr)
				if tr.Status.Done() {
					tr.Status.Annotations = records.Trim(tr.Status.Annotations, tr.Status.CompletionTime)
				}
			}
		})},
		&v1.PipelineRun{}: {Transform: transform(func(pr *v1.PipelineRun) {
			if runs.TrimPipelineRun(pr) {
				keepLength(pr, pr.Status.Done())
				pipelinerun.Trim(pr)
				if pr.Status.Done() {
					pr.Status.Annotations = records.Trim(pr.Status.Annotations, pr.Status.CompletionTime)
				}
			}
		})},
	}
	if o.coexist {
		byObject[&corev1.Namespace{}] = cache.ByObject{
			Label:     labels.SelectorFromSet(labels.Set{v1.LabelEngine: v1.EngineSluice}),
			Transform: transform(ownership.TrimNamespace),
		}
	}
	return cache.Options{DefaultTransform: trimOthers(cache.TransformStripManagedFields()), ByObject: byObject}, nil
}

// keepLength notes how many bytes a finished run has in etcd, before its results are dropped: retention counts them.
func keepLength(run metav1.Object, done bool) {
	if done {
		objectsize.KeepLength(run)
	}
}

// podsOfRuns selects the pods of runs. Tekton's pods have the same label, so beside Tekton they need another one, which only
// Sluice sets.
func podsOfRuns(o *options) (labels.Selector, error) {
	keys := []string{v1.LabelTaskRunUID}
	if o.coexist {
		keys = append(keys, v1.LabelTaskDigest)
	}
	selector := labels.NewSelector()
	for _, key := range keys {
		exists, err := labels.NewRequirement(key, selection.Exists, nil)
		if err != nil {
			return nil, fmt.Errorf("cannot select the pods of runs: %w", err)
		}
		selector = selector.Add(*exists)
	}
	return selector, nil
}

// configMaps selects the ConfigMaps to watch: all in the namespace of the installation and, beside Tekton, in that of Tekton,
// and the one that has an effect in the namespace of Tekton's resolvers. The controller may not read any other ConfigMap there.
func configMaps(o *options) map[string]cache.Config {
	selected := map[string]cache.Config{
		config.ResolversNamespace: {FieldSelector: fields.OneTermEqualSelector("metadata.name", config.ClusterResolverName)},
	}
	selected[o.namespace] = cache.Config{} // also if it is that of the resolvers
	if o.coexist {
		selected[o.tektonNamespace] = cache.Config{}
	}
	return selected
}

// transform adapts a function for one type to the type of function that informers call.
func transform[T any](trim func(*T)) func(any) (any, error) {
	return func(o any) (any, error) {
		if typed, ok := o.(*T); ok {
			trim(typed)
		}
		return o, nil
	}
}

// trimOthers adds to a transformation those of ResolutionRequests and CustomRuns. They have no entry in ByObject, because the cache
// of a cluster without their CRD would then not start.
func trimOthers(others func(any) (any, error)) func(any) (any, error) {
	return func(o any) (any, error) {
		switch typed := o.(type) {
		case *resolutionv1beta1.ResolutionRequest:
			request.Trim(typed)
		case *v1beta1.CustomRun:
			pipelinerun.TrimCustomRun(typed)
		}
		return others(o)
	}
}
