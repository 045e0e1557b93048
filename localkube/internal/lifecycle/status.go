package lifecycle

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/sluice-ci/sluice/localkube/internal/state"
)

// trouble says what is wrong with a cluster that should be up; nil means that it is well.
func trouble(ctx context.Context, dir state.Dir, c state.Cluster) error {
	if !c.Supervisor.Alive() {
		return errors.New("its supervisor does not run")
	}
	components, err := dir.LoadComponents()
	if err != nil {
		return err
	}
	for _, one := range components {
		if one.Ended != "" {
			return fmt.Errorf("%s %s", one.Name, one.Ended)
		}
	}
	return specs(dir, c).APIServerSpec().Healthy(ctx)
}

// explain adds the end of the log that the error names, because the log may be removed with the rest.
func (o Options) explain(err error) error {
	const lines = 15
	_, path, found := strings.Cut(err.Error(), "its log is ")
	if !found {
		path = o.Dir.Log("supervisor")
	}
	path, _, _ = strings.Cut(path, ".log")
	content, readErr := os.ReadFile(path + ".log")
	if readErr != nil {
		return err
	}
	all := strings.Split(strings.TrimSpace(string(content)), "\n")
	return fmt.Errorf("%w\n  %s", err, strings.Join(all[max(0, len(all)-lines):], "\n  "))
}
