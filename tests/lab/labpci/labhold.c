// SPDX-License-Identifier: GPL-2.0
/*
 * labhold: a host driver that lets go of its device only when nobody has it open (lab VM only).
 *
 * It takes the one function whose driver_override names it, and makes /dev/labhold.  Its remove()
 * waits until that file is closed, as drivers of GPUs do; whoever unbinds it waits along.
 *
 * An open with O_NONBLOCK succeeds at once.  One without waits until remove() has begun: so does a
 * process come in between an agent's look for holders and its unbind, each time and not by luck.
 * The module parameter `users` counts those that have it open or wait to.
 */
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/cdev.h>
#include <linux/device.h>
#include <linux/fs.h>
#include <linux/wait.h>

static dev_t number;
static struct cdev node;
static struct class *class;
static struct pci_dev *taken;
static bool leaving;
static int users;
static DEFINE_SPINLOCK(lock);
static DECLARE_WAIT_QUEUE_HEAD(news);

module_param(users, int, 0444);
MODULE_PARM_DESC(users, "how many have /dev/labhold open, or wait for it");

static void count(int by)
{
	spin_lock(&lock);
	users += by;
	spin_unlock(&lock);
	wake_up_all(&news);
}

static int hold_open(struct inode *inode, struct file *file)
{
	count(1);
	if (!(file->f_flags & O_NONBLOCK) && wait_event_interruptible(news, READ_ONCE(leaving))) {
		count(-1);
		return -ERESTARTSYS;
	}
	return 0;
}

static int hold_release(struct inode *inode, struct file *file)
{
	count(-1);
	return 0;
}

static const struct file_operations operations = {
	.owner = THIS_MODULE, .open = hold_open, .release = hold_release,
};

static int hold_probe(struct pci_dev *function, const struct pci_device_id *id)
{
	struct device *made;

	if (taken)
		return -EBUSY;
	made = device_create(class, &function->dev, number, NULL, "labhold");
	if (IS_ERR(made))
		return PTR_ERR(made);
	WRITE_ONCE(leaving, false);
	taken = function;
	return 0;
}

static void hold_remove(struct pci_dev *function)
{
	WRITE_ONCE(leaving, true);
	wake_up_all(&news);
	pci_info(function, "labhold: waits until /dev/labhold is closed\n");
	wait_event(news, READ_ONCE(users) == 0);
	device_destroy(class, number);
	taken = NULL;
}

static const struct pci_device_id none[] = { { } };	/* it is bound by driver_override only */
static struct pci_driver driver = {
	.name = "labhold", .id_table = none, .probe = hold_probe, .remove = hold_remove,
};

static int __init hold_init(void)
{
	int r = alloc_chrdev_region(&number, 0, 1, "labhold");

	if (r)
		return r;
	cdev_init(&node, &operations);
	node.owner = THIS_MODULE;
	r = cdev_add(&node, number, 1);
	if (r)
		goto no_node;
	class = class_create(THIS_MODULE, "labhold");
	r = PTR_ERR_OR_ZERO(class);
	if (r)
		goto no_class;
	r = pci_register_driver(&driver);
	if (!r)
		return 0;
	class_destroy(class);
no_class:
	cdev_del(&node);
no_node:
	unregister_chrdev_region(number, 1);
	return r;
}
module_init(hold_init);		/* never unloaded: the lab VM ends first */
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("lab VM: a driver that waits for its users");
