# Permits the key of a repository to read this repository only.
case $SSH_ORIGINAL_COMMAND in
"git-upload-pack '/srv/git/$1.git'") exec git-upload-pack "/srv/git/$1.git" ;;
*) echo "refused: $SSH_ORIGINAL_COMMAND" >&2 && exit 1 ;;
esac
