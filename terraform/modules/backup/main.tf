locals {
  retention_days = 30
}

data "aws_caller_identity" "current" {}
data "aws_partition" "current" {}

# Copies to another Region need the management of DynamoDB by AWS Backup, in both.
resource "aws_backup_region_settings" "primary" {
  count = var.manage_region_settings ? 1 : 0

  resource_type_opt_in_preference     = { DynamoDB = true }
  resource_type_management_preference = { DynamoDB = true }

  lifecycle {
    # AWS returns every resource type of the account; the others are not ours.
    ignore_changes = [resource_type_opt_in_preference, resource_type_management_preference]
  }
}

resource "aws_backup_region_settings" "dr" {
  count    = var.manage_region_settings && var.copy_to_dr ? 1 : 0
  provider = aws.dr

  resource_type_opt_in_preference     = { DynamoDB = true }
  resource_type_management_preference = { DynamoDB = true }

  lifecycle {
    ignore_changes = [resource_type_opt_in_preference, resource_type_management_preference]
  }
}

resource "aws_backup_vault" "primary" {
  name          = var.name
  force_destroy = var.force_destroy
}

resource "aws_backup_vault" "dr" {
  count    = var.copy_to_dr ? 1 : 0
  provider = aws.dr

  name          = var.name
  force_destroy = var.force_destroy
}

# The least retention is the plan's own: with a longer one the vault would refuse every backup.
resource "aws_backup_vault_lock_configuration" "primary" {
  count = var.vault_lock == null ? 0 : 1

  backup_vault_name   = aws_backup_vault.primary.name
  min_retention_days  = local.retention_days
  changeable_for_days = var.vault_lock == "compliance" ? 3 : null
}

resource "aws_backup_vault_lock_configuration" "dr" {
  count    = var.vault_lock == null || !var.copy_to_dr ? 0 : 1
  provider = aws.dr

  backup_vault_name   = aws_backup_vault.dr[0].name
  min_retention_days  = local.retention_days
  changeable_for_days = var.vault_lock == "compliance" ? 3 : null
}

resource "aws_backup_plan" "daily" {
  name = var.name

  rule {
    rule_name         = "daily"
    target_vault_name = aws_backup_vault.primary.name
    schedule          = "cron(0 2 * * ? *)" # UTC

    lifecycle {
      delete_after = local.retention_days
    }

    dynamic "copy_action" {
      for_each = aws_backup_vault.dr

      content {
        destination_vault_arn = copy_action.value.arn

        lifecycle {
          delete_after = local.retention_days
        }
      }
    }
  }

  depends_on = [aws_backup_region_settings.primary, aws_backup_region_settings.dr]
}

resource "aws_iam_role" "backup" {
  name = "${var.name}-backup"

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "backup.amazonaws.com" }
      Action    = "sts:AssumeRole"
      Condition = { StringEquals = { "aws:SourceAccount" = data.aws_caller_identity.current.account_id } }
    }]
  })
}

resource "aws_iam_role_policy_attachment" "backup" {
  for_each = toset(["AWSBackupServiceRolePolicyForBackup", "AWSBackupServiceRolePolicyForRestores"])

  role       = aws_iam_role.backup.name
  policy_arn = "arn:${data.aws_partition.current.partition}:iam::aws:policy/service-role/${each.value}"
}

resource "aws_backup_selection" "tables" {
  name         = "tables"
  plan_id      = aws_backup_plan.daily.id
  iam_role_arn = aws_iam_role.backup.arn
  resources    = values(var.table_arns)
}
