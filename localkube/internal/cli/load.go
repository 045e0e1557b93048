package cli

import (
	"errors"

	"github.com/spf13/cobra"

	"github.com/sluice-ci/sluice/localkube/internal/lifecycle"
)

func newLoad() *cobra.Command {
	var o lifecycle.LoadOptions
	cmd := &cobra.Command{
		Use:   "load {--rootfs PATH --name NAME | --archive PATH}",
		Short: "Put an image into the cluster's registry",
		Example: `  localkube load --name docker.io/library/busybox:1 --rootfs ./rootfs --entrypoint /bin/sh
  localkube load --archive image.tar`,
		Args: cobra.NoArgs,
	}
	dir := dirFlag(cmd)
	flags := cmd.Flags()
	flags.StringVar(&o.Name, "name", "", "name that pods use for the image, such as docker.io/library/busybox:1")
	flags.StringVar(&o.Rootfs, "rootfs", "", "folder or tar archive that becomes the image's root file system")
	flags.StringVar(&o.Archive, "archive", "", "archive of an image in the format of docker save, or OCI layout (folder or archive)")
	flags.StringArrayVar(&o.Config.Entrypoint, "entrypoint", nil, "with --rootfs: a word of the entrypoint (repeatable)")
	flags.StringArrayVar(&o.Config.Cmd, "cmd", nil, "with --rootfs: a word of the default arguments (repeatable)")
	flags.StringArrayVar(&o.Config.Env, "env", nil, "with --rootfs: a variable, NAME=value (repeatable)")
	flags.StringVar(&o.Config.WorkingDir, "workdir", "", "with --rootfs: the working directory")
	flags.StringVar(&o.Config.User, "user", "", "with --rootfs: the user, as name or number")
	cmd.MarkFlagsMutuallyExclusive("rootfs", "archive")
	cmd.MarkFlagsOneRequired("rootfs", "archive")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if o.Rootfs != "" && o.Name == "" {
			return errors.New("cannot load a root file system without --name")
		}
		_, c, err := dir.existing()
		if err != nil {
			return err
		}
		return lifecycle.Load(c, o, cmd.OutOrStdout())
	}
	return cmd
}
