data "aws_caller_identity" "current" {}
data "aws_partition" "current" {}

locals {
  account = data.aws_caller_identity.current.account_id
  arn     = "arn:${data.aws_partition.current.partition}"
  tables  = { for table, name in var.table_names : table => "${local.arn}:dynamodb:${var.region}:${local.account}:table/${name}" }

  # The operator's task carries the names that the guide's troubleshooting commands use.
  names = {
    for task in keys(var.access) : task => {
      role   = "${var.project}-${task == "forum" ? "" : "${task}-"}ecs-task-role-${var.environment}${var.suffix}"
      policy = "${var.project}-${task == "forum" ? "" : "${task}-"}ecs-task-policy-${var.environment}${var.suffix}"
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

  assumed_by_tasks = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "ecs-tasks.amazonaws.com" }
      Action    = "sts:AssumeRole"
      Condition = {
        StringEquals = { "aws:SourceAccount" = local.account }
        ArnLike      = { "aws:SourceArn" = "${local.arn}:ecs:${var.region}:${local.account}:*" }
      }
    }]
  })
}

resource "aws_iam_role" "task" {
  for_each = local.names

  name               = each.value.role
  assume_role_policy = local.assumed_by_tasks
}

resource "aws_iam_role_policy" "task" {
  for_each = local.names

  name = each.value.policy
  role = aws_iam_role.task[each.key].id

  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = concat(local.grants[each.key], local.key_grants)
  })
}

# What ECS itself does to start a task: pull its image, write its log.
resource "aws_iam_role" "execution" {
  name               = "${var.project}-ecs-execution-role-${var.environment}${var.suffix}"
  assume_role_policy = local.assumed_by_tasks
}

resource "aws_iam_role_policy" "execution" {
  name = "${var.project}-ecs-execution-policy-${var.environment}${var.suffix}"
  role = aws_iam_role.execution.id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
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
    ]
  })
}
