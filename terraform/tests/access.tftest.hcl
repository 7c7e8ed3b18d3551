# Who may do what, in the words of IAM. Wildcards, a second table or another Region's ARN would show here.

mock_provider "aws" {
  source = "./tests/mocks"
}

mock_provider "aws" {
  alias  = "dr"
  source = "./tests/mocks"
}

variables {
  image_tag     = "v1"
  allowed_cidrs = ["203.0.113.0/24"]
}

run "each_task_may_do_what_its_routes_need_under_the_guides_names" {
  command = plan

  assert {
    condition = toset(flatten([
      for statement in jsondecode(module.primary.task_policies.users).Statement : [
        for grant in setproduct(statement.Action, statement.Resource) : join(" ", grant)
      ]
      ])) == toset([
      "dynamodb:GetItem arn:aws:dynamodb:us-east-1:123456789012:table/forum-microservices-users-dev",
      "dynamodb:BatchGetItem arn:aws:dynamodb:us-east-1:123456789012:table/forum-microservices-users-dev",
      "dynamodb:Scan arn:aws:dynamodb:us-east-1:123456789012:table/forum-microservices-users-dev",
      "dynamodb:PutItem arn:aws:dynamodb:us-east-1:123456789012:table/forum-microservices-users-dev",
      "dynamodb:UpdateItem arn:aws:dynamodb:us-east-1:123456789012:table/forum-microservices-users-dev",
      "dynamodb:DeleteItem arn:aws:dynamodb:us-east-1:123456789012:table/forum-microservices-users-dev",
      "dynamodb:Query arn:aws:dynamodb:us-east-1:123456789012:table/forum-microservices-users-dev/index/EmailIndex",
      "dynamodb:GetItem arn:aws:dynamodb:us-east-1:123456789012:table/forum-microservices-threads-dev",
      "dynamodb:UpdateItem arn:aws:dynamodb:us-east-1:123456789012:table/forum-microservices-threads-dev",
      "dynamodb:DeleteItem arn:aws:dynamodb:us-east-1:123456789012:table/forum-microservices-threads-dev",
      "dynamodb:Query arn:aws:dynamodb:us-east-1:123456789012:table/forum-microservices-threads-dev/index/UserIndex",
      "dynamodb:Query arn:aws:dynamodb:us-east-1:123456789012:table/forum-microservices-posts-dev",
      "dynamodb:UpdateItem arn:aws:dynamodb:us-east-1:123456789012:table/forum-microservices-posts-dev",
      "dynamodb:DeleteItem arn:aws:dynamodb:us-east-1:123456789012:table/forum-microservices-posts-dev",
      "dynamodb:Query arn:aws:dynamodb:us-east-1:123456789012:table/forum-microservices-posts-dev/index/ThreadIndex",
      "dynamodb:Query arn:aws:dynamodb:us-east-1:123456789012:table/forum-microservices-posts-dev/index/UserIndex",
      "dynamodb:GetItem arn:aws:dynamodb:us-east-1:123456789012:table/forum-microservices-reports-dev",
      "dynamodb:Scan arn:aws:dynamodb:us-east-1:123456789012:table/forum-microservices-reports-dev",
      "dynamodb:PutItem arn:aws:dynamodb:us-east-1:123456789012:table/forum-microservices-reports-dev",
      "dynamodb:UpdateItem arn:aws:dynamodb:us-east-1:123456789012:table/forum-microservices-reports-dev",
      "dynamodb:DeleteItem arn:aws:dynamodb:us-east-1:123456789012:table/forum-microservices-reports-dev",
      "dynamodb:Query arn:aws:dynamodb:us-east-1:123456789012:table/forum-microservices-reports-dev/index/QueueIndex",
      "dynamodb:GetItem arn:aws:dynamodb:us-east-1:123456789012:table/forum-microservices-modlog-dev",
      "dynamodb:PutItem arn:aws:dynamodb:us-east-1:123456789012:table/forum-microservices-modlog-dev",
      "dynamodb:Query arn:aws:dynamodb:us-east-1:123456789012:table/forum-microservices-modlog-dev/index/LogIndex",
      "dynamodb:Query arn:aws:dynamodb:us-east-1:123456789012:table/forum-microservices-modlog-dev/index/TargetIndex",
    ])
    error_message = "users: ${module.primary.task_policies.users}"
  }

  assert {
    condition = toset(flatten([
      for statement in jsondecode(module.primary.task_policies.threads).Statement : [
        for grant in setproduct(statement.Action, statement.Resource) : join(" ", grant)
      ]
      ])) == toset([
      "dynamodb:GetItem arn:aws:dynamodb:us-east-1:123456789012:table/forum-microservices-threads-dev",
      "dynamodb:BatchGetItem arn:aws:dynamodb:us-east-1:123456789012:table/forum-microservices-threads-dev",
      "dynamodb:PutItem arn:aws:dynamodb:us-east-1:123456789012:table/forum-microservices-threads-dev",
      "dynamodb:UpdateItem arn:aws:dynamodb:us-east-1:123456789012:table/forum-microservices-threads-dev",
      "dynamodb:DeleteItem arn:aws:dynamodb:us-east-1:123456789012:table/forum-microservices-threads-dev",
      "dynamodb:Query arn:aws:dynamodb:us-east-1:123456789012:table/forum-microservices-threads-dev/index/ActivityIndex",
      "dynamodb:Query arn:aws:dynamodb:us-east-1:123456789012:table/forum-microservices-threads-dev/index/CreatedAtIndex",
      "dynamodb:Query arn:aws:dynamodb:us-east-1:123456789012:table/forum-microservices-threads-dev/index/PinnedIndex",
      "dynamodb:Query arn:aws:dynamodb:us-east-1:123456789012:table/forum-microservices-threads-dev/index/UserIndex",
      "dynamodb:GetItem arn:aws:dynamodb:us-east-1:123456789012:table/forum-microservices-users-dev",
      "dynamodb:DeleteItem arn:aws:dynamodb:us-east-1:123456789012:table/forum-microservices-posts-dev",
      "dynamodb:Query arn:aws:dynamodb:us-east-1:123456789012:table/forum-microservices-posts-dev/index/ThreadIndex",
    ])
    error_message = "threads: ${module.primary.task_policies.threads}"
  }

  assert {
    condition = toset(flatten([
      for statement in jsondecode(module.primary.task_policies.posts).Statement : [
        for grant in setproduct(statement.Action, statement.Resource) : join(" ", grant)
      ]
      ])) == toset([
      "dynamodb:GetItem arn:aws:dynamodb:us-east-1:123456789012:table/forum-microservices-posts-dev",
      "dynamodb:Query arn:aws:dynamodb:us-east-1:123456789012:table/forum-microservices-posts-dev",
      "dynamodb:Scan arn:aws:dynamodb:us-east-1:123456789012:table/forum-microservices-posts-dev",
      "dynamodb:PutItem arn:aws:dynamodb:us-east-1:123456789012:table/forum-microservices-posts-dev",
      "dynamodb:UpdateItem arn:aws:dynamodb:us-east-1:123456789012:table/forum-microservices-posts-dev",
      "dynamodb:DeleteItem arn:aws:dynamodb:us-east-1:123456789012:table/forum-microservices-posts-dev",
      "dynamodb:Query arn:aws:dynamodb:us-east-1:123456789012:table/forum-microservices-posts-dev/index/ThreadIndex",
      "dynamodb:Query arn:aws:dynamodb:us-east-1:123456789012:table/forum-microservices-posts-dev/index/UserIndex",
      "dynamodb:GetItem arn:aws:dynamodb:us-east-1:123456789012:table/forum-microservices-threads-dev",
      "dynamodb:BatchGetItem arn:aws:dynamodb:us-east-1:123456789012:table/forum-microservices-threads-dev",
      "dynamodb:UpdateItem arn:aws:dynamodb:us-east-1:123456789012:table/forum-microservices-threads-dev",
      "dynamodb:GetItem arn:aws:dynamodb:us-east-1:123456789012:table/forum-microservices-users-dev",
      "dynamodb:BatchGetItem arn:aws:dynamodb:us-east-1:123456789012:table/forum-microservices-users-dev",
    ])
    error_message = "posts: ${module.primary.task_policies.posts}"
  }

  assert {
    condition = alltrue([
      for statement in jsondecode(module.primary.task_policies.forum).Statement :
      endswith(statement.Sid, "Indexes") ? toset(statement.Action) == toset(["dynamodb:Query"]) : toset(statement.Action) == toset([
        "dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:DeleteItem", "dynamodb:Query", "dynamodb:Scan",
        "dynamodb:BatchGetItem", "dynamodb:BatchWriteItem", "dynamodb:ConditionCheckItem", "dynamodb:DescribeTable",
        "dynamodb:DescribeContinuousBackups", "dynamodb:DescribeTimeToLive", "dynamodb:ListTagsOfResource",
      ])
    ])
    error_message = "forum: ${module.primary.task_policies.forum}"
  }

  assert {
    condition = toset(flatten(jsondecode(module.primary.task_policies.forum).Statement[*].Resource)) == toset([
      "arn:aws:dynamodb:us-east-1:123456789012:table/forum-microservices-modlog-dev",
      "arn:aws:dynamodb:us-east-1:123456789012:table/forum-microservices-modlog-dev/index/LogIndex",
      "arn:aws:dynamodb:us-east-1:123456789012:table/forum-microservices-modlog-dev/index/TargetIndex",
      "arn:aws:dynamodb:us-east-1:123456789012:table/forum-microservices-posts-dev",
      "arn:aws:dynamodb:us-east-1:123456789012:table/forum-microservices-posts-dev/index/ThreadIndex",
      "arn:aws:dynamodb:us-east-1:123456789012:table/forum-microservices-posts-dev/index/UserIndex",
      "arn:aws:dynamodb:us-east-1:123456789012:table/forum-microservices-reports-dev",
      "arn:aws:dynamodb:us-east-1:123456789012:table/forum-microservices-reports-dev/index/QueueIndex",
      "arn:aws:dynamodb:us-east-1:123456789012:table/forum-microservices-threads-dev",
      "arn:aws:dynamodb:us-east-1:123456789012:table/forum-microservices-threads-dev/index/ActivityIndex",
      "arn:aws:dynamodb:us-east-1:123456789012:table/forum-microservices-threads-dev/index/CreatedAtIndex",
      "arn:aws:dynamodb:us-east-1:123456789012:table/forum-microservices-threads-dev/index/PinnedIndex",
      "arn:aws:dynamodb:us-east-1:123456789012:table/forum-microservices-threads-dev/index/UserIndex",
      "arn:aws:dynamodb:us-east-1:123456789012:table/forum-microservices-users-dev",
      "arn:aws:dynamodb:us-east-1:123456789012:table/forum-microservices-users-dev/index/EmailIndex",
    ])
    error_message = "forum: ${module.primary.task_policies.forum}"
  }

  assert {
    condition     = [output.dynamodb_users_table_name, output.dynamodb_threads_table_name, output.dynamodb_posts_table_name] == ["forum-microservices-users-dev", "forum-microservices-threads-dev", "forum-microservices-posts-dev"]
    error_message = "Table names are a contract."
  }

  assert {
    condition     = keys(output.alb_dns_names) == ["us-east-1", "us-west-2"] && keys(output.alarm_topic_arns) == ["us-east-1", "us-west-2"]
    error_message = "Services and alarms must be in both Regions."
  }

  assert {
    condition     = module.dr["dr"].task_policies == { for task, policy in module.primary.task_policies : task => replace(policy, "us-east-1", "us-west-2") }
    error_message = "The DR Region's tasks must have the same rights on the DR Region's tables."
  }
}

run "the_lease" {
  command = plan

  variables {
    fence = { table = "fence" }
  }

  assert {
    condition = {
      for task, policy in module.primary.task_policies : task => one([for statement in jsondecode(policy).Statement : [statement.Action, statement.Resource] if statement.Sid == "Fence"])
      } == {
      for task in ["forum", "posts", "threads", "users"] : task => [
        concat(["dynamodb:GetItem", "dynamodb:UpdateItem"], task == "forum" ? ["dynamodb:PutItem"] : []),
        ["arn:aws:dynamodb:us-east-1:123456789012:table/fence"],
      ]
    }
    error_message = "Services read and renew the lease; only the operator changes it."
  }

  assert {
    condition     = module.dr["dr"].task_policies == { for task, policy in module.primary.task_policies : task => replace(policy, "us-east-1", "us-west-2") }
    error_message = "Each Region reads its own replica of the lease."
  }
}

run "the_lease_in_a_third_region" {
  command = plan

  variables {
    fence  = { table = "fence", region = "us-east-2" }
    egress = "public"
  }

  assert {
    condition = alltrue(flatten([
      for stack in [module.primary, module.dr["dr"]] : [
        for policy in values(stack.task_policies) : contains(flatten(jsondecode(policy).Statement[*].Resource), "arn:aws:dynamodb:us-east-2:123456789012:table/fence")
      ]
    ]))
    error_message = "Both Regions read the one lease."
  }
}

run "roles_in_the_primary" {
  command = plan

  module {
    source = "./modules/roles"
  }

  variables {
    project         = "forum-microservices"
    environment     = "dev"
    suffix          = ""
    region          = "us-east-1"
    fence           = null
    access          = { users = { users = { actions = ["GetItem"], indexes = [] } }, forum = { users = { actions = ["GetItem"], indexes = [] } } }
    table_names     = { users = "forum-microservices-users-dev" }
    kms_key_arn     = null
    repository_arns = ["arn:aws:ecr:us-east-1:123456789012:repository/forum-microservices-dev/users"]
    lambda          = false
    log_groups      = "/ecs/forum-microservices-dev"
  }

  assert {
    condition     = aws_iam_role.task["forum"].name == "forum-microservices-ecs-task-role-dev" && aws_iam_role_policy.task["forum"].name == "forum-microservices-ecs-task-policy-dev"
    error_message = "The guide's get-role-policy command must work."
  }

  assert {
    condition     = aws_iam_role.task["users"].name == "forum-microservices-users-ecs-task-role-dev"
    error_message = "Each service has a role of its own."
  }

  assert {
    condition     = jsondecode(aws_iam_role.task["users"].assume_role_policy).Statement[0].Condition.StringEquals["aws:SourceAccount"] == "123456789012"
    error_message = "Only this account's tasks may assume a role."
  }

  assert {
    condition     = toset(flatten(jsondecode(aws_iam_role_policy.task["users"].policy).Statement[*].Action)) == toset(["dynamodb:GetItem"])
    error_message = "Without a customer key there is nothing to grant on keys."
  }

  assert {
    condition = [for statement in jsondecode(aws_iam_role_policy.execution[0].policy).Statement : statement.Resource if statement.Sid != "RegistryLogin"] == [
      ["arn:aws:ecr:us-east-1:123456789012:repository/forum-microservices-dev/users"],
      ["arn:aws:logs:us-east-1:123456789012:log-group:/ecs/forum-microservices-dev/*"],
    ]
    error_message = "ECS pulls only our images and writes only our logs."
  }
}

run "roles_in_the_dr_region_with_a_customer_key" {
  command = plan

  module {
    source = "./modules/roles"
  }

  variables {
    project         = "forum-microservices"
    environment     = "dev"
    suffix          = "-dr"
    region          = "us-west-2"
    fence           = null
    access          = { forum = { users = { actions = ["GetItem"], indexes = [] } } }
    table_names     = { users = "forum-microservices-users-dev" }
    kms_key_arn     = "arn:aws:kms:us-west-2:123456789012:key/1234"
    repository_arns = []
    lambda          = false
    log_groups      = "/ecs/forum-microservices-dev"
  }

  assert {
    condition     = aws_iam_role.task["forum"].name == "forum-microservices-ecs-task-role-dev-dr" && aws_iam_role.execution[0].name == "forum-microservices-ecs-execution-role-dev-dr"
    error_message = "Names in IAM are global: the DR Region's must differ."
  }

  assert {
    condition = one([
      for statement in jsondecode(aws_iam_role_policy.task["forum"].policy).Statement : statement if statement.Sid == "TableKey"
      ]) == {
      Sid       = "TableKey"
      Effect    = "Allow"
      Action    = ["kms:Decrypt", "kms:Encrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:DescribeKey"]
      Resource  = ["arn:aws:kms:us-west-2:123456789012:key/1234"]
      Condition = { StringEquals = { "kms:ViaService" = "dynamodb.us-west-2.amazonaws.com" } }
    }
    error_message = "A customer key may be used through DynamoDB in this Region only."
  }
}
