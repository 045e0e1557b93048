package request

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	resolutionv1beta1 "github.com/sluice-ci/sluice/api/resolution/v1beta1"
	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/resolve"
)

// hashed is the number of bytes of the hash in a name.
const hashed = 20

// nameOf returns the name of the ResolutionRequest for a reference. It follows from the run and the reference alone, so that a
// restarted controller finds the request of an earlier reconcile. The order of the params does not matter.
func nameOf(wanted resolve.Request) (string, error) {
	params := slices.Clone(wanted.Params)
	slices.SortStableFunc(params, func(a, b v1.Param) int { return cmp.Compare(a.Name, b.Name) })
	run := wanted.Run.Object
	text, err := json.Marshal([]any{
		wanted.Run.Kind, run.GetUID(), run.GetNamespace(), run.GetName(), wanted.Kind, wanted.Resolver, params,
	})
	if err != nil {
		return "", fmt.Errorf("cannot encode the params of resolver %q: %w", wanted.Resolver, err)
	}
	sum := sha256.Sum256(text)
	return strings.ToLower(wanted.Kind) + "-" + hex.EncodeToString(sum[:hashed]), nil
}

// requestFor returns the ResolutionRequest for a reference. It belongs to the run, so that Kubernetes deletes it together with
// the run.
func requestFor(wanted resolve.Request) (*resolutionv1beta1.ResolutionRequest, error) {
	name, err := nameOf(wanted)
	if err != nil {
		return nil, err
	}
	return &resolutionv1beta1.ResolutionRequest{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: wanted.Namespace,
			Name:      name,
			Labels:    map[string]string{resolutionv1beta1.LabelType: wanted.Resolver, v1.LabelManagedBy: v1.ManagedBy},
			OwnerReferences: []metav1.OwnerReference{
				*metav1.NewControllerRef(wanted.Run.Object, v1.GroupVersion.WithKind(wanted.Run.Kind)),
			},
		},
		Spec: resolutionv1beta1.ResolutionRequestSpec{Params: wanted.Params},
	}, nil
}
