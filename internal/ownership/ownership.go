// Package ownership decides which runs this controller manages, by their spec.managedBy.
package ownership

import (
	"cmp"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	v1 "github.com/sluice-ci/sluice/api/v1"
)

// Rule decides which runs a controller manages. The zero value is that of the only controller of a cluster: it manages runs
// without managedBy and those of Tekton's controller.
type Rule struct{ only string }

// Only returns the rule of a controller beside Tekton: it manages the runs that name it, and no others.
func Only(name string) Rule { return Rule{only: cmp.Or(name, v1.ManagedBySluice)} }

// Beside reports whether another controller manages the runs that name no controller.
func (r Rule) Beside() bool { return r.only != "" }

// Name returns the value of managedBy of the runs that the controller manages.
func (r Rule) Name() string { return cmp.Or(r.only, v1.ManagedByThis) }

// Manages reports whether the controller manages a run with this managedBy. It must not act on any other run.
func (r Rule) Manages(managedBy *string) bool {
	if r.only == "" {
		return !v1.ManagedElsewhere(managedBy)
	}
	return managedBy != nil && *managedBy == r.only
}

// Unnamed reports whether a run names no controller, so that Tekton's controller runs it where there is one.
func Unnamed(managedBy *string) bool { return managedBy == nil || *managedBy == "" }

// Child reports whether another run owns a run. The controller of the owner has created the run and continues to manage it,
// whatever the label of the namespace says by now.
func Child(run metav1.Object) bool { return slices.ContainsFunc(run.GetOwnerReferences(), isRun) }

// Parent returns the UID of the run that owns a run; empty if there is none.
func Parent(run metav1.Object) types.UID {
	owners := run.GetOwnerReferences()
	if i := slices.IndexFunc(owners, isRun); i >= 0 {
		return owners[i].UID
	}
	return ""
}

func isRun(owner metav1.OwnerReference) bool {
	group, _, _ := strings.Cut(owner.APIVersion, "/")
	return group == v1.GroupName && slices.Contains([]string{v1.KindTaskRun, v1.KindPipelineRun, "CustomRun", "Run"}, owner.Kind)
}
