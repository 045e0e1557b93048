package taskrun

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/config"
	"github.com/sluice-ci/sluice/internal/ownership"
	"github.com/sluice-ci/sluice/test/testutil/tektoncrds"
)

func signedStatus() v1.TaskRunStatus {
	return v1.TaskRunStatus{
		PodName: "p",
		Provenance: &v1.Provenance{FeatureFlags: &v1.FeatureFlags{
			MaxResultSize: 7, EnforceNonfalsifiability: "spire", SignedResultsPolicy: "warn", SignedResultsIdentity: "/a/b",
		}},
	}
}

// TestSigningIsKeptBesideTekton: Tekton's status has no fields for the policy and the identity of signed results. What is written
// beside Tekton decodes strictly as its type, and a later reconcile finds both again.
func TestSigningIsKeptBesideTekton(t *testing.T) {
	known := knownTo(Dependencies{Runs: ownership.Only("")})
	given := signedStatus()
	written := known(given)
	if diff := cmp.Diff(signedStatus(), given); diff != "" {
		t.Errorf("the argument has changed: -want +got:\n%s", diff)
	}
	object, err := json.Marshal(&v1.TaskRun{Status: written})
	if err != nil {
		t.Fatal(err)
	}
	if err := tektoncrds.Check(v1.KindTaskRun, "v1", object); err != nil {
		t.Error(err)
	}
	tr := taskRun()
	tr.Status = written
	flags := config.Default().Flags
	noteSigning(tr, &flags)
	if flags.Signing.By != config.NonfalsifiabilitySpire || flags.Signing.Policy != config.SigningWarn || identityOf(tr, flags) != "/a/b" {
		t.Errorf("want what the run began with, got %+v", flags.Signing)
	}
	if diff := cmp.Diff(written, known(written)); diff != "" {
		t.Errorf("a second write changes something: -want +got:\n%s", diff)
	}
}

// TestLostRecordOfSigningIsStrict: if the status does not say which policy the run began with, the strict one applies.
func TestLostRecordOfSigningIsStrict(t *testing.T) {
	tr := taskRun()
	tr.Status.Provenance = &v1.Provenance{FeatureFlags: &v1.FeatureFlags{MaxResultSize: 7, EnforceNonfalsifiability: "spire"}}
	flags := config.Default().Flags
	flags.Signing.Policy = config.SigningWarn
	noteSigning(tr, &flags)
	if flags.Signing.Policy != config.SigningEnforce {
		t.Errorf("want %s, got %q", config.SigningEnforce, flags.Signing.Policy)
	}
}

// TestOwnFieldsStayWhereSluiceIsAlone: its own kinds have the fields.
func TestOwnFieldsStayWhereSluiceIsAlone(t *testing.T) {
	if knownTo(Dependencies{}) != nil {
		t.Error("want every field written")
	}
}

// decodesStrictly checks that Tekton's webhook would accept a status, without the fields that are moved beside Tekton. The tests of
// this package call it for each status that a reconcile has written.
func decodesStrictly(t *testing.T, tr *v1.TaskRun) {
	t.Helper()
	object, err := json.Marshal(&v1.TaskRun{Status: withoutOwnFields(tr.Status)})
	if err != nil {
		t.Fatal(err)
	}
	if err := tektoncrds.Check(v1.KindTaskRun, "v1", object); err != nil {
		t.Error(err)
	}
}
