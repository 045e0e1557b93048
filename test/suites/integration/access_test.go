//go:build integration

package integration

import (
	"context"
	"fmt"
	"testing"

	authorizationv1 "k8s.io/api/authorization/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

const controller = "system:serviceaccount:tekton-pipelines:sluice-controller"

// right is a permission.
type right struct {
	verb, group, resource, subresource, namespace, name string
}

func (r right) String() string {
	resource := r.resource
	if r.subresource != "" {
		resource += "/" + r.subresource
	}
	if r.group != "" {
		resource += "." + r.group
	}
	return fmt.Sprintf("%s %s in %q", r.verb, resource, r.namespace)
}

// may asks the API server whether user has the permission.
func may(ctx context.Context, user string, r right) (bool, error) {
	review := &authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{
		User:   user,
		Groups: []string{"system:authenticated", "system:serviceaccounts"},
		ResourceAttributes: &authorizationv1.ResourceAttributes{
			Verb: r.verb, Group: r.group, Resource: r.resource, Subresource: r.subresource, Namespace: r.namespace, Name: r.name,
		},
	}}
	if err := shared.client.Create(ctx, review); err != nil {
		return false, fmt.Errorf("cannot check a permission: %w", err)
	}
	return review.Status.Allowed, nil
}

// wantRight waits until the API server grants the permission, or refuses it. Its view of roles has a short delay.
func wantRight(t *testing.T, user string, r right, want bool) {
	t.Helper()
	eventually(t, func(ctx context.Context) error {
		allowed, err := may(ctx, user, r)
		if err == nil && allowed != want {
			err = fmt.Errorf("may %s %s: got %t, want %t", user, r, allowed, want)
		}
		return err
	})
}

// TestControllerMayDoItsWork lists what the controller needs.
func TestControllerMayDoItsWork(t *testing.T) {
	for _, r := range []right{
		{
			verb:     "list",
			group:    "tekton.dev",
			resource: "tasks",
		},
		{
			verb:     "watch",
			group:    "tekton.dev",
			resource: "pipelines",
		},
		{
			verb:     "watch",
			group:    "tekton.dev",
			resource: "taskruns",
		},
		{
			verb:      "create",
			group:     "tekton.dev",
			resource:  "taskruns",
			namespace: "user",
		},
		{
			verb:        "patch",
			group:       "tekton.dev",
			resource:    "taskruns",
			subresource: "status",
			namespace:   "user",
		},
		{
			verb:      "patch",
			group:     "tekton.dev",
			resource:  "taskruns",
			namespace: "user",
		},
		{
			verb:     "watch",
			group:    "tekton.dev",
			resource: "pipelineruns",
		},
		{
			verb:      "get",
			group:     "tekton.dev",
			resource:  "pipelineruns",
			namespace: "user",
		},
		{
			verb:      "create",
			group:     "tekton.dev",
			resource:  "pipelineruns",
			namespace: "user",
		},
		{
			verb:      "patch",
			group:     "tekton.dev",
			resource:  "pipelineruns",
			namespace: "user",
		},
		{
			verb:        "patch",
			group:       "tekton.dev",
			resource:    "pipelineruns",
			subresource: "status",
			namespace:   "user",
		},
		{
			verb:        "update",
			group:       "tekton.dev",
			resource:    "taskruns",
			subresource: "finalizers",
			namespace:   "user",
		},
		{
			verb:      "create",
			resource:  "pods",
			namespace: "user",
		},
		{
			verb:      "patch",
			resource:  "pods",
			namespace: "user",
		},
		{
			verb:     "watch",
			resource: "pods",
		},
		{
			verb:      "delete",
			resource:  "pods",
			namespace: "user",
		},
		{
			verb:      "create",
			resource:  "persistentvolumeclaims",
			namespace: "user",
		},
		{
			verb:      "get",
			resource:  "secrets",
			namespace: "user",
		},
		{
			verb:      "get",
			resource:  "serviceaccounts",
			namespace: "user",
		},
		{
			verb:     "watch",
			group:    "tekton.dev",
			resource: "stepactions",
		},
		{
			verb:      "list",
			group:     "tekton.dev",
			resource:  "verificationpolicies",
			namespace: "user",
		},
		{
			verb:      "create",
			group:     "resolution.tekton.dev",
			resource:  "resolutionrequests",
			namespace: "user",
		},
		{
			verb:      "watch",
			resource:  "secrets",
			namespace: installation,
		},
		{
			verb:     "update",
			group:    "admissionregistration.k8s.io",
			resource: "mutatingwebhookconfigurations",
			name:     "sluice-defaults",
		},
		{
			verb:      "create",
			group:     "events.k8s.io",
			resource:  "events",
			namespace: "user",
		},
		{
			verb:     "create",
			group:    "authorization.k8s.io",
			resource: "selfsubjectaccessreviews",
		},
		{
			verb:      "watch",
			resource:  "configmaps",
			namespace: installation,
		},
		{
			verb:      "create",
			group:     "coordination.k8s.io",
			resource:  "leases",
			namespace: installation,
		},
		{
			verb:      "update",
			group:     "coordination.k8s.io",
			resource:  "leases",
			namespace: installation,
		},
	} {
		t.Run(r.String(), func(t *testing.T) { wantRight(t, controller, r, true) })
	}
}

// TestControllerMayNotMore lists what an attacker in the controller would try.
func TestControllerMayNotMore(t *testing.T) {
	for _, r := range []right{
		{
			verb:        "get",
			resource:    "pods",
			subresource: "log",
			namespace:   "user",
		},
		{
			verb:        "create",
			resource:    "pods",
			subresource: "exec",
			namespace:   "user",
		},
		{
			verb:     "delete",
			resource: "nodes",
		},
		{
			verb:      "list",
			resource:  "secrets",
			namespace: "user",
		},
		{
			verb:     "watch",
			resource: "secrets",
		},
		{
			verb:      "update",
			resource:  "secrets",
			namespace: "user",
		},
		{
			verb:      "create",
			resource:  "secrets",
			namespace: installation,
		},
		{
			verb:      "delete",
			resource:  "persistentvolumeclaims",
			namespace: "user",
		},
		{
			verb:     "create",
			group:    "admissionregistration.k8s.io",
			resource: "validatingwebhookconfigurations",
		},
		{
			verb:      "list",
			resource:  "configmaps",
			namespace: "user",
		},
		{
			verb:      "update",
			resource:  "configmaps",
			namespace: installation,
		},
		{
			verb:      "update",
			group:     "tekton.dev",
			resource:  "taskruns",
			namespace: "user",
		},
		{
			verb:      "update",
			group:     "tekton.dev",
			resource:  "pipelineruns",
			namespace: "user",
		},
		{
			verb:      "delete",
			group:     "tekton.dev",
			resource:  "taskruns",
			namespace: "user",
		},
		{
			verb:      "patch",
			group:     "tekton.dev",
			resource:  "tasks",
			namespace: "user",
		},
		{
			verb:        "create",
			resource:    "serviceaccounts",
			subresource: "token",
			namespace:   "user",
		},
		{
			verb:      "create",
			group:     "rbac.authorization.k8s.io",
			resource:  "rolebindings",
			namespace: "user",
		},
		{
			verb:     "list",
			resource: "nodes",
		},
	} {
		t.Run(r.String(), func(t *testing.T) { wantRight(t, controller, r, false) })
	}
}

// TestLogAccessIsGrantedOnItsOwn runs the documented command, and removes the permission again.
func TestLogAccessIsGrantedOnItsOwn(t *testing.T) {
	const folder = "config/enable-log-access-to-controller/"
	read := right{"get", "", "pods", "log", "user", ""}
	wantRight(t, controller, read, false)

	mustKubectl(t, "apply", "-f", folder)
	t.Cleanup(func() {
		if _, _, err := kubectl(context.Background(), "", "delete", "--ignore-not-found", "-f", folder); err != nil {
			t.Errorf("cannot remove the permission: %v", err)
		}
	})
	wantRight(t, controller, read, true)
	for _, more := range []right{
		{
			verb:        "list",
			resource:    "pods",
			subresource: "log",
			namespace:   "user",
		},
		{
			verb:        "create",
			resource:    "pods",
			subresource: "exec",
			namespace:   "user",
		},
		{
			verb:      "list",
			resource:  "secrets",
			namespace: "user",
		},
	} {
		wantRight(t, controller, more, false)
	}

	mustKubectl(t, "delete", "-f", folder)
	wantRight(t, controller, read, false)
}

// bindUsers binds the users "viewer" and "editor" to the aggregated roles in a namespace.
func bindUsers(t *testing.T, namespace string) {
	t.Helper()
	for user, role := range map[string]string{"viewer": "sluice-aggregate-view", "editor": "sluice-aggregate-edit"} {
		create(t, &rbacv1.RoleBinding{
			ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: user},
			RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role},
			Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: user}},
		})
	}
}

// TestUserRoles: the aggregated roles let editors write everything except statuses and VerificationPolicies.
func TestUserRoles(t *testing.T) {
	namespace := newNamespace(t)
	bindUsers(t, namespace)
	wantRight(t, "viewer", right{"list", "tekton.dev", "taskruns", "", namespace, ""}, true)
	wantRight(t, "viewer", right{"create", "tekton.dev", "taskruns", "", namespace, ""}, false)
	wantRight(t, "editor", right{"create", "tekton.dev", "pipelineruns", "", namespace, ""}, true)
	wantRight(t, "editor", right{"delete", "tekton.dev", "tasks", "", namespace, ""}, true)
	wantRight(t, "editor", right{"patch", "tekton.dev", "taskruns", "status", namespace, ""}, false)
	wantRight(t, "viewer", right{"list", "tekton.dev", "verificationpolicies", "", namespace, ""}, true)
	for _, verb := range []string{"create", "update", "patch", "delete"} {
		wantRight(t, "editor", right{verb, "tekton.dev", "verificationpolicies", "", namespace, ""}, false)
	}

	for verb, want := range map[string]bool{"create": true, "delete": true, "update": false, "patch": false} {
		wantRight(t, "editor", right{verb, "resolution.tekton.dev", "resolutionrequests", "", namespace, ""}, want)
	}
	wantRight(t, "editor", right{"update", "resolution.tekton.dev", "resolutionrequests", "status", namespace, ""}, false)
	for role, label := range map[string]string{"sluice-aggregate-view": "view", "sluice-aggregate-edit": "edit"} {
		got := mustKubectl(t, "get", "clusterrole", role, "-o",
			`jsonpath={.metadata.labels.rbac\.authorization\.k8s\.io/aggregate-to-`+label+`}`)
		if got != "true" {
			t.Errorf("%s must be aggregated to %s, got label %q", role, label, got)
		}
	}
}
