# What the guide promises of the daily backup.

mock_provider "aws" {
  source = "../../tests/mocks"
}

mock_provider "aws" {
  alias = "dr"
}

run "backup_is_daily_kept_30_days_and_copied" {
  command = plan

  variables {
    name                   = "forum-microservices-dev"
    table_arns             = { users = "arn:aws:dynamodb:us-east-1:123456789012:table/forum-microservices-users-dev" }
    copy_to_dr             = true
    manage_region_settings = true
    vault_lock             = null
    force_destroy          = false
  }

  override_resource {
    target          = aws_backup_vault.dr
    values          = { arn = "arn:aws:backup:us-west-2:123456789012:backup-vault:forum-microservices-dev" }
    override_during = plan
  }

  assert {
    condition     = one(aws_backup_plan.daily.rule).schedule == "cron(0 2 * * ? *)" && one(one(aws_backup_plan.daily.rule).lifecycle).delete_after == 30
    error_message = "Backups run at 02:00 UTC and are kept for 30 days."
  }

  assert {
    condition     = one(one(aws_backup_plan.daily.rule).copy_action).destination_vault_arn == aws_backup_vault.dr[0].arn && one(one(one(aws_backup_plan.daily.rule).copy_action).lifecycle).delete_after == 30
    error_message = "Every backup is copied to the DR Region and kept there for 30 days."
  }

  assert {
    condition     = aws_backup_region_settings.primary[0].resource_type_management_preference.DynamoDB && aws_backup_region_settings.dr[0].resource_type_management_preference.DynamoDB
    error_message = "Copies need AWS Backup's management of DynamoDB in both Regions."
  }

  assert {
    condition     = !aws_backup_vault.primary.force_destroy && !aws_backup_vault.dr[0].force_destroy
    error_message = "A protected stack keeps its recovery points."
  }

  assert {
    condition     = jsondecode(aws_iam_role.backup.assume_role_policy).Statement[0].Condition.StringEquals["aws:SourceAccount"] == "123456789012"
    error_message = "Only this account's backups may assume the role."
  }

  assert {
    condition     = length(aws_backup_vault_lock_configuration.primary) + length(aws_backup_vault_lock_configuration.dr) == 0
    error_message = "No lock unless asked for: it cannot always be taken off."
  }
}

run "compliance" {
  command = plan

  variables {
    name                   = "forum-microservices-dev"
    table_arns             = { users = "arn:aws:dynamodb:us-east-1:123456789012:table/forum-microservices-users-dev" }
    copy_to_dr             = true
    manage_region_settings = true
    vault_lock             = "compliance"
    force_destroy          = false
  }

  assert {
    condition = alltrue([
      for lock in concat(aws_backup_vault_lock_configuration.primary, aws_backup_vault_lock_configuration.dr) : lock.min_retention_days == 30 && lock.changeable_for_days == 3
    ]) && length(aws_backup_vault_lock_configuration.dr) == 1
    error_message = "Both vaults keep every recovery point for its 30 days."
  }
}

run "governance_in_one_region" {
  command = plan

  variables {
    name                   = "forum-microservices-dev"
    table_arns             = { users = "arn:aws:dynamodb:us-east-1:123456789012:table/forum-microservices-users-dev" }
    copy_to_dr             = false
    manage_region_settings = true
    vault_lock             = "governance"
    force_destroy          = false
  }

  assert {
    condition     = aws_backup_vault_lock_configuration.primary[0].changeable_for_days == null && length(aws_backup_vault_lock_configuration.dr) == 0
    error_message = "A lock in governance mode can be taken off."
  }
}
