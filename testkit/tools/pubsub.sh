# Google's in-memory Pub/Sub behind a door for REST, built with Go; tools/pubsub/main.go says what the door does.
pubsub_version=2.8.1
pubsub_time="building it takes about a minute, once"
pubsub_without=$without_receiver

find_pubsub() { cached_program pubsub; }

get_pubsub() { go_build pubsub tools/pubsub . ''; }
