package cloudevents

import (
	"maps"
	"reflect"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	changes "sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/predicate"

	v1 "github.com/sluice-ci/sluice/api/v1"
)

// Relevant selects the changes of runs that matter to their reconcilers: not those of an ended run in which only its record changed. Each
// run whose events are sent has one of these.
func Relevant() predicate.Predicate {
	return predicate.Funcs{UpdateFunc: func(e changes.UpdateEvent) bool { return !recordOnly(e.ObjectOld, e.ObjectNew) }}
}

// recordOnly reports whether a run had ended before, and only its record is different.
func recordOnly(before, after client.Object) bool {
	switch is := after.(type) {
	case *v1.TaskRun:
		was, ok := before.(*v1.TaskRun)
		if !ok || !was.Status.Done() {
			return false
		}
		a, b := *was, *is
		changed := bare(&a.ObjectMeta, &a.Status.Annotations) != bare(&b.ObjectMeta, &b.Status.Annotations)
		return changed && reflect.DeepEqual(&a, &b)
	case *v1.PipelineRun:
		was, ok := before.(*v1.PipelineRun)
		if !ok || !was.Status.Done() {
			return false
		}
		a, b := *was, *is
		changed := bare(&a.ObjectMeta, &a.Status.Annotations) != bare(&b.ObjectMeta, &b.Status.Annotations)
		return changed && reflect.DeepEqual(&a, &b)
	}
	return false
}

// bare removes from the copy of a run its record, which it returns, and what each write changes. It does not change the maps.
func bare(o *metav1.ObjectMeta, annotations *map[string]string) string {
	o.ResourceVersion, o.ManagedFields = "", nil
	o.SetSelfLink("") // the cache has the mark of a shortened run there, with its length
	recorded := (*annotations)[v1.AnnotationEvents]
	others := maps.Clone(*annotations)
	delete(others, v1.AnnotationEvents)
	if len(others) == 0 {
		others = nil
	}
	*annotations = others
	return recorded
}
