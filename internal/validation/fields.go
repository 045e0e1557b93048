package validation

import (
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/sluice-ci/sluice/internal/spelling"
)

// maxProposed is the maximum length of an unknown name, in bytes, for which a message proposes a known one.
const maxProposed = 64

// UnknownField returns the error for a field that a type does not have. path is in the form of field.Path, and known are the
// fields there are.
func UnknownField(path string, known []string) *field.Error {
	name := path[strings.LastIndexAny(path, ".]")+1:]
	detail := "unknown field"
	if len(name) <= maxProposed {
		if near := spelling.Nearest(name, known); near != "" {
			detail += fmt.Sprintf("; did you mean %q?", near)
		}
	}
	return &field.Error{Type: field.ErrorTypeForbidden, Field: path, Detail: detail}
}

// Respelled returns the warning about a field that is written in another case than its name.
func Respelled(path, name string) string {
	return fmt.Sprintf("%s: the field is read as %q; write it so", clipped(path, maxField), name)
}

// Stopped reports whether further work on the object is pointless: the report is full, or its context has ended.
func (r *Report) Stopped() bool { return r.stopped() }
