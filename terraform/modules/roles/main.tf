data "aws_caller_identity" "current" {}
data "aws_partition" "current" {}

locals {
  account = data.aws_caller_identity.current.account_id
  arn     = "arn:${data.aws_partition.current.partition}"
  tables  = { for table, name in var.table_names : table => "${local.arn}:dynamodb:${var.region}:${local.account}:table/${name}" }

  kind = var.lambda ? "lambda" : "ecs-task"

  # The operator's task carries the names that the guide's troubleshooting commands use.
  names = {
    for task in keys(var.access) : task => {
      role   = "${var.project}-${task == "forum" ? "" : "${task}-"}${local.kind}-role-${var.environment}${var.suffix}"
      policy = "${var.project}-${task == "forum" ? "" : "${task}-"}${local.kind}-policy-${var.environment}${var.suffix}"
    }
  }

  grants = {
    for task, tables in var.access : task => concat(
      [for table, grant in tables : {
        Sid      = title(table)
        Effect   = "Allow"
        Action   = [for action in grant.actions : "dynamodb:${action}"]
        Resource = [local.tables[table]]
      }],
      [for table, grant in tables : {
        Sid      = "${title(table)}Indexes"
        Effect   = "Allow"
        Action   = ["dynamodb:Query"]
        Resource = [for index in grant.indexes : "${local.tables[table]}/index/${index}"]
      } if length(grant.indexes) > 0],
      [for fence in var.fence[*] : {
        Sid      = "Fence"
        Effect   = "Allow"
        Action   = [for action in fence.actions[task] : "dynamodb:${action}"]
        Resource = ["${local.arn}:dynamodb:${coalesce(fence.region, var.region)}:${local.account}:table/${fence.table}"]
      }],
    )
  }

  key_grants = [for key in var.kms_key_arn[*] : {
    Sid       = "TableKey"
    Effect    = "Allow"
    Action    = ["kms:Decrypt", "kms:Encrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:DescribeKey"]
    Resource  = [key]
    Condition = { StringEquals = { "kms:ViaService" = "dynamodb.${var.region}.amazonaws.com" } }
  }]

  # What a function itself does; of a task ECS does it.
  log_grants = [for prefix in var.lambda ? [var.log_groups] : [] : {
    Sid      = "Logs"
    Effect   = "Allow"
    Action   = ["logs:CreateLogStream", "logs:PutLogEvents"]
    Resource = ["${local.arn}:logs:${var.region}:${local.account}:log-group:${prefix}/${var.project}-${var.environment}:*"]
  }]

  assumed_by = {
    ecs-task = {
      Effect    = "Allow"
      Principal = { Service = "ecs-tasks.amazonaws.com" }
      Action    = "sts:AssumeRole"
      Condition = {
        StringEquals = { "aws:SourceAccount" = local.account }
        ArnLike      = { "aws:SourceArn" = "${local.arn}:ecs:${var.region}:${local.account}:*" }
      }
    }
    # Lambda names no source when it assumes a role for a function.
    lambda = {
      Effect    = "Allow"
      Principal = { Service = "lambda.amazonaws.com" }
      Action    = "sts:AssumeRole"
    }
  }
}

resource "aws_iam_role" "task" {
  for_each = local.names

  name = each.value.role

  assume_role_policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [local.assumed_by[local.kind]]
  })
}

resource "aws_iam_role_policy" "task" {
  for_each = local.names

  name = each.value.policy
  role = aws_iam_role.task[each.key].id

  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = concat(local.grants[each.key], local.key_grants, local.log_grants)
  })
}

# What ECS itself does to start a task: pull its image, write its log.
resource "aws_iam_role" "execution" {
  count = var.lambda ? 0 : 1

  name               = "${var.project}-ecs-execution-role-${var.environment}${var.suffix}"
  assume_role_policy = jsonencode({ Version = "2012-10-17", Statement = [local.assumed_by["ecs-task"]] })
}

resource "aws_iam_role_policy" "execution" {
  count = var.lambda ? 0 : 1

  name = "${var.project}-ecs-execution-policy-${var.environment}${var.suffix}"
  role = aws_iam_role.execution[0].id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat([
      {
        Sid      = "RegistryLogin"
        Effect   = "Allow"
        Action   = ["ecr:GetAuthorizationToken"]
        Resource = ["*"]
      },
      {
        Sid      = "Images"
        Effect   = "Allow"
        Action   = ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]
        Resource = var.repository_arns
      },
      {
        Sid      = "Logs"
        Effect   = "Allow"
        Action   = ["logs:CreateLogStream", "logs:PutLogEvents"]
        Resource = ["${local.arn}:logs:${var.region}:${local.account}:log-group:${var.log_groups}/*"]
      },
      ], [for secret in var.page_key_arn[*] : {
        Sid      = "PageKey"
        Effect   = "Allow"
        Action   = ["secretsmanager:GetSecretValue"]
        Resource = [secret]
    }])
  })
}
