package ownership

import (
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/partial"
)

// annotationSince keeps, in the cache only, when the label of a namespace was set.
const annotationSince = "sluice.dev/engine-since"

// Moved reports whether the runs that are created in a namespace now are those of Sluice.
func Moved(namespace metav1.Object) bool {
	return namespace.GetLabels()[v1.LabelEngine] == v1.EngineSluice
}

// TrimNamespace drops from a namespace what Missed does not need. It changes the namespace, so call it only on objects that
// only the cache holds.
func TrimNamespace(namespace *metav1.PartialObjectMetadata) {
	since := movedAt(namespace)
	namespace.ObjectMeta = metav1.ObjectMeta{
		Name: namespace.Name, UID: namespace.UID, ResourceVersion: namespace.ResourceVersion, Labels: namespace.Labels,
	}
	partial.Identity.Put(namespace)
	if !since.IsZero() {
		namespace.Annotations = map[string]string{annotationSince: since.UTC().Format(time.RFC3339)}
	}
}

// movedAt returns when the label of a namespace was last written; the zero time if that is unknown. The API server records it
// in the managed fields.
func movedAt(namespace metav1.Object) time.Time {
	if text, ok := namespace.GetAnnotations()[annotationSince]; ok {
		if at, err := time.Parse(time.RFC3339, text); err == nil {
			return at
		}
	}
	for _, entry := range namespace.GetManagedFields() {
		if entry.Time != nil && entry.FieldsV1 != nil && strings.Contains(entry.FieldsV1.GetRawString(), `"f:`+v1.LabelEngine+`"`) {
			return entry.Time.Time
		}
	}
	return time.Time{}
}

// Missed reports whether a run should have been marked and was not: it names no controller and no other run owns it, although
// the namespace was moved to Sluice before the run was created. Such a run is Tekton's. A run of the second in which the label
// was set may be from before it; it does not count.
func Missed(run metav1.Object, managedBy *string, namespace metav1.Object) bool {
	if !Unnamed(managedBy) || Child(run) || !Moved(namespace) {
		return false
	}
	since := movedAt(namespace)
	return !since.IsZero() && run.GetCreationTimestamp().After(since)
}
