# The schema that Rust declares, as DynamoDB gets it.

mock_provider "aws" {}

mock_provider "aws" {
  alias = "dr"
}

variables {
  tables                 = jsondecode(file("../../tables.json")).tables
  project                = "forum-microservices"
  environment            = "dev"
  replica_region         = "us-west-2"
  billing_mode           = "PAY_PER_REQUEST"
  capacity               = { min = 5, max = 100 }
  on_demand_throughput   = { read = 2000, write = 500 }
  point_in_time_recovery = true
  deletion_protection    = true
  kms_key_arns           = null
}

run "on_demand_in_two_regions" {
  command = plan

  assert {
    condition = { for table, resource in aws_dynamodb_table.this : table => join(" ", compact([resource.name, resource.hash_key, resource.range_key])) } == {
      users   = "forum-microservices-users-dev userId"
      threads = "forum-microservices-threads-dev threadId"
      posts   = "forum-microservices-posts-dev postId threadId"
      reports = "forum-microservices-reports-dev reportId"
      modlog  = "forum-microservices-modlog-dev actionId"
    }
    error_message = "Names and keys are a contract."
  }

  assert {
    condition = {
      for table, resource in aws_dynamodb_table.this : table => {
        for index in resource.global_secondary_index : index.name => join(" ", compact([index.hash_key, index.range_key, index.projection_type]))
      }
      } == {
      users = { EmailIndex = "email ALL" }
      threads = {
        ActivityIndex  = "feed lastActivityAt ALL"
        CreatedAtIndex = "feed createdAt ALL"
        PinnedIndex    = "feed pinnedAt ALL"
        UserIndex      = "userId createdAt ALL"
      }
      posts = {
        ThreadIndex = "threadId createdAt ALL"
        UserIndex   = "userId createdAt ALL"
      }
      reports = { QueueIndex = "queue createdAt ALL" }
      modlog = {
        LogIndex    = "feed createdAt ALL"
        TargetIndex = "target createdAt ALL"
      }
    }
    error_message = "Indexes are a contract."
  }

  assert {
    condition = { for table, resource in aws_dynamodb_table.this : table => toset(resource.attribute[*].name) } == {
      users   = toset(["userId", "email"])
      threads = toset(["threadId", "feed", "userId", "createdAt", "lastActivityAt", "pinnedAt"])
      posts   = toset(["postId", "threadId", "userId", "createdAt"])
      reports = toset(["reportId", "queue", "createdAt"])
      modlog  = toset(["actionId", "feed", "target", "createdAt"])
    }
    error_message = "Every key attribute is defined, and no other: DynamoDB refuses those."
  }

  assert {
    condition     = alltrue([for table in aws_dynamodb_table.this : table.deletion_protection_enabled && one(table.point_in_time_recovery).enabled && table.stream_enabled])
    error_message = "Tables must be protected, recoverable and replicating."
  }

  assert {
    condition     = length(aws_dynamodb_table_replica.this) == 5 && alltrue([for replica in aws_dynamodb_table_replica.this : replica.deletion_protection_enabled && replica.point_in_time_recovery])
    error_message = "Each replica must be protected and recoverable."
  }

  assert {
    condition = output.environment == {
      DYNAMODB_USERS_TABLE   = "forum-microservices-users-dev"
      DYNAMODB_THREADS_TABLE = "forum-microservices-threads-dev"
      DYNAMODB_POSTS_TABLE   = "forum-microservices-posts-dev"
      DYNAMODB_REPORTS_TABLE = "forum-microservices-reports-dev"
      DYNAMODB_MODLOG_TABLE  = "forum-microservices-modlog-dev"
    }
    error_message = "Services read the tables' names from these variables."
  }

  assert {
    condition = toset(flatten([
      for table in aws_dynamodb_table.this : [
        for ceiling in concat(table.on_demand_throughput, flatten(table.global_secondary_index[*].on_demand_throughput)) :
        "${ceiling.max_read_request_units} ${ceiling.max_write_request_units}"
      ]
      ])) == toset(["2000 500"]) && alltrue([
      for table in aws_dynamodb_table.this : length(table.on_demand_throughput) == 1 && alltrue([for index in table.global_secondary_index : length(index.on_demand_throughput) == 1])
    ])
    error_message = "No table and no index may cost without end."
  }

  assert {
    condition     = length(module.autoscaling.targets) == 0 && length(module.replica_autoscaling.targets) == 0
    error_message = "There is nothing to scale on demand."
  }
}

run "provisioned_in_two_regions" {
  command = plan

  variables {
    billing_mode = "PROVISIONED"
  }

  assert {
    condition     = alltrue([for table in aws_dynamodb_table.this : table.read_capacity == 5 && table.write_capacity == 5 && alltrue([for index in table.global_secondary_index : index.read_capacity == 5 && index.write_capacity == 5])])
    error_message = "Tables and indexes start at the minimum."
  }

  assert {
    condition     = alltrue([for table in aws_dynamodb_table.this : length(table.on_demand_throughput) == 0 && alltrue([for index in table.global_secondary_index : length(index.on_demand_throughput) == 0])])
    error_message = "DynamoDB refuses a ceiling of requests on provisioned tables."
  }

  assert {
    condition = module.autoscaling.targets == module.replica_autoscaling.targets && toset(module.autoscaling.targets) == toset(flatten([
      for resource in [
        "table/forum-microservices-users-dev", "table/forum-microservices-threads-dev", "table/forum-microservices-posts-dev",
        "table/forum-microservices-users-dev/index/EmailIndex", "table/forum-microservices-threads-dev/index/CreatedAtIndex",
        "table/forum-microservices-threads-dev/index/ActivityIndex", "table/forum-microservices-threads-dev/index/PinnedIndex",
        "table/forum-microservices-threads-dev/index/UserIndex", "table/forum-microservices-posts-dev/index/ThreadIndex",
        "table/forum-microservices-posts-dev/index/UserIndex", "table/forum-microservices-reports-dev",
        "table/forum-microservices-reports-dev/index/QueueIndex", "table/forum-microservices-modlog-dev",
        "table/forum-microservices-modlog-dev/index/LogIndex", "table/forum-microservices-modlog-dev/index/TargetIndex",
        ] : [
        for direction in ["Read", "Write"] : "${resource} dynamodb:${strcontains(resource, "/index/") ? "index" : "table"}:${direction}CapacityUnits 5-100"
      ]
    ]))
    error_message = "Reads and writes of every table and index must scale in both Regions."
  }
}

run "one_region_without_recovery" {
  command = plan

  variables {
    replica_region         = null
    billing_mode           = "PROVISIONED"
    point_in_time_recovery = false
    deletion_protection    = false
  }

  assert {
    condition     = length(aws_dynamodb_table_replica.this) == 0 && length(module.replica_autoscaling.targets) == 0 && length(module.autoscaling.targets) == 30
    error_message = "Without replicas there is nothing in the second Region."
  }

  assert {
    condition     = alltrue([for table in aws_dynamodb_table.this : !table.deletion_protection_enabled && !one(table.point_in_time_recovery).enabled])
    error_message = "The switches must reach the tables."
  }
}

run "customer_keys_and_ttl" {
  command = plan

  variables {
    kms_key_arns = { primary = "arn:aws:kms:us-east-1:123456789012:key/1", dr = "arn:aws:kms:us-west-2:123456789012:key/2" }
    tables = {
      sessions = {
        env     = "DYNAMODB_SESSIONS_TABLE"
        hash    = { name = "id", type = "S" }
        range   = null
        ttl     = "expiresAt"
        indexes = {}
      }
    }
  }

  assert {
    condition     = one(aws_dynamodb_table.this["sessions"].server_side_encryption).kms_key_arn == "arn:aws:kms:us-east-1:123456789012:key/1" && aws_dynamodb_table_replica.this["sessions"].kms_key_arn == "arn:aws:kms:us-west-2:123456789012:key/2"
    error_message = "Each copy is encrypted by its own Region's key."
  }

  assert {
    condition     = one(aws_dynamodb_table.this["sessions"].ttl).attribute_name == "expiresAt"
    error_message = "A declared TTL attribute must be switched on."
  }
}
