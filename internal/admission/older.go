package admission

import (
	"encoding/json"
	"math"

	"k8s.io/apimachinery/pkg/util/validation/field"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"github.com/sluice-ci/sluice/internal/convert"
)

// maxRemoved is the maximum number of removed fields that a response names.
const maxRemoved = 10

// removed returns the fields of an earlier version that an object must not have any more, if its client wrote it in that version. The
// object is in the version of the webhook already; its annotations have what that version has no field for. Fields that the
// stored object has are not returned, so that it can still be changed.
func removed(request admission.Request) field.ErrorList {
	if request.RequestKind == nil || request.RequestKind.Version == request.Kind.Version {
		return nil
	}
	found := convert.RefusedBy(annotationsOf(request.Object.Raw), maxRemoved)
	if len(found) == 0 {
		return nil
	}
	stored := map[string]bool{}
	if old := oldOf(request); old != nil {
		for _, one := range convert.RefusedBy(annotationsOf(old), math.MaxInt) {
			stored[one.Path()] = true
		}
	}
	var errs field.ErrorList
	for _, one := range found {
		if !stored[one.Path()] {
			errs = append(errs, &field.Error{Type: field.ErrorTypeForbidden, Field: one.Path(), Detail: one.Advice})
		}
	}
	return errs
}

// annotationsOf returns the annotations of an encoded object; nil for one that does not decode, which later checks report.
func annotationsOf(raw []byte) map[string]string {
	var object struct {
		Metadata struct {
			Annotations map[string]string `json:"annotations"`
		} `json:"metadata"`
	}
	if json.Unmarshal(raw, &object) != nil {
		return nil
	}
	return object.Metadata.Annotations
}
