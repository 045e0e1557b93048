package supervisor

import (
	"context"
	"errors"
)

func (s *Supervisor) bringUpNode(ctx context.Context) error {
	return errors.New("not there yet")
}
