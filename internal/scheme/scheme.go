// Package scheme has the kinds of the API that the programs of this project read and write.
package scheme

import (
	"fmt"

	"k8s.io/apimachinery/pkg/runtime"
	clientgo "k8s.io/client-go/kubernetes/scheme"

	resolutionv1beta1 "github.com/sluice-ci/sluice/api/resolution/v1beta1"
	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/api/v1alpha1"
	"github.com/sluice-ci/sluice/api/v1beta1"
)

// New returns a scheme with the kinds of Kubernetes, of Tasks and Pipelines, of VerificationPolicies and of ResolutionRequests.
func New() (*runtime.Scheme, error) {
	known := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{
		clientgo.AddToScheme, v1.AddToScheme, v1alpha1.AddToScheme, v1beta1.AddToScheme, resolutionv1beta1.AddToScheme,
	} {
		if err := add(known); err != nil {
			return nil, fmt.Errorf("cannot build scheme: %w", err)
		}
	}
	return known, nil
}
